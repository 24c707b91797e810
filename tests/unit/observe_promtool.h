// Asks promtool, Prometheus's own checker, what it thinks of a scrape.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace wskeep::observe {

inline bool has_promtool() {
  return std::system("promtool --version >/dev/null 2>&1") == 0;
}

// What `promtool check metrics` says about `text`: nothing if it is flawless.
inline std::string promtool_verdict(const std::string& text) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("wskeep_scrape_" + std::to_string(getpid()));
  std::ofstream{file} << text;
  std::FILE* const pipe = popen(("promtool check metrics < " + file.string() + " 2>&1").c_str(), "r");
  std::string said;
  std::array<char, 4096> buffer;
  while (const std::size_t read = std::fread(buffer.data(), 1, buffer.size(), pipe))
    said.append(buffer.data(), read);
  const int status = pclose(pipe);
  std::filesystem::remove(file);
  return status == 0 || !said.empty() ? said : "promtool failed";
}

}  // namespace wskeep::observe
