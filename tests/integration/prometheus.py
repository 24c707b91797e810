"""Reads the Prometheus text format, strictly: what Prometheus would refuse is an error here too."""

import re

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|(?=\}))')
_ESCAPE = re.compile(r'\\(["\\n])')


class Metrics:
    """Samples of one scrape. `values` maps 'name{a="b"}' with sorted labels to a number."""

    def __init__(self, data):
        self.text = data.decode("utf-8")  # one invalid byte costs the whole scrape
        self.types = {}
        self.samples = []
        self.values = {}
        for line in self.text.split("\n"):
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in self.types, f"two TYPE lines for {name}"
                self.types[name] = kind
            elif line and not line.startswith("#"):
                self._add(line)

    def _add(self, line):
        name = _NAME.match(line)
        assert name, f"no metric name: {line!r}"
        labels, at = {}, name.end()
        if line[at : at + 1] == "{":
            at += 1
            while line[at] != "}":
                label = _LABEL.match(line, at)
                assert label, f"bad label at {at}: {line!r}"
                assert label[1] not in labels, f"label twice: {line!r}"
                labels[label[1]] = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], label[2])
                at = label.end()
            at += 1
        value = float(line[at:].split()[0])
        shown = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()))
        key = f"{name[0]}{{{shown}}}" if shown else name[0]
        assert key not in self.values, f"sample twice: {key}"
        self.values[key] = value
        self.samples.append((name[0], labels, value))

    def series(self, name, **labels):
        """(labels, value) of every sample of this name that has at least these labels."""
        wanted = labels.items()
        return [(found, value) for sample, found, value in self.samples if sample == name and wanted <= found.items()]

    def value(self, name, **labels):
        """The sum of the matching samples; None when there is none."""
        found = self.series(name, **labels)
        return sum(value for _, value in found) if found else None
