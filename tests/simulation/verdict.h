// Verdict keeps the first broken rule of a run; Trace keeps what happened, for whoever has to find out why.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/timeline.h"

namespace wskeep::simulation {

class Trace {
 public:
  // Records nothing unless `on`: a run of thousands must not pay for stories that nobody reads.
  Trace(Timeline& timeline, bool on) : timeline_(timeline), on_(on), start_(timeline.now()) {}

  // `tell` makes the line, only if somebody will read it.
  template <class Tell>
  void note(Tell tell) {
    if (!on_) return;
    char stamp[32];
    std::snprintf(stamp, sizeof stamp, "%12.6f  ",
                  std::chrono::duration<double>(timeline_.now() - start_).count());
    lines_.push_back(stamp + std::string(tell()));
  }
  const std::vector<std::string>& lines() const noexcept { return lines_; }

 private:
  Timeline& timeline_;
  bool on_;
  TimePoint start_;
  std::vector<std::string> lines_;
};

class Verdict {
 public:
  // Only the first counts: what follows from it would bury it.
  void broken(std::string_view rule, std::string how) {
    if (!rule_.empty()) return;
    rule_ = rule;
    how_ = std::move(how);
  }
  void require(bool holds, std::string_view rule, std::string_view how) {
    if (!holds) broken(rule, std::string(how));
  }

  bool good() const noexcept { return rule_.empty(); }
  const std::string& rule() const noexcept { return rule_; }
  const std::string& how() const noexcept { return how_; }

 private:
  std::string rule_;
  std::string how_;
};

// "1.250 s", for a sentence.
inline std::string seconds(nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g s", std::chrono::duration<double>(time).count());
  return text;
}

}  // namespace wskeep::simulation
