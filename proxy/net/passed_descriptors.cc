#include "proxy/net/passed_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace wskeep::net {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr int kMost = 1'024;

// A number of decimal digits alone, or below zero.
long number_of(std::string_view text) noexcept {
  long number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : -1;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    const std::string_view name = text.substr(begin, end - begin);
    names.emplace_back(name == "unknown" ? std::string_view{} : name);
    begin = end + 1;
  }
  return names;
}

std::optional<std::string_view> variable(const char* name) noexcept {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string_view>(value);
}

}  // namespace

std::vector<std::string> passed_names(const PassedVariables& variables, pid_t self) {
  if (!variables.pid || !variables.count) return {};
  const long pid = number_of(*variables.pid);
  if (pid <= 0) throw std::runtime_error("LISTEN_PID is no process: " + std::string(*variables.pid));
  if (pid != self) return {};
  const long count = number_of(*variables.count);
  if (count < 0 || count > kMost) {
    throw std::runtime_error("LISTEN_FDS is no number of descriptors: " + std::string(*variables.count));
  }
  const auto expected = static_cast<std::size_t>(count);
  if (!variables.names || expected == 0) return std::vector<std::string>(expected);
  std::vector<std::string> names = split(*variables.names);
  if (names.size() != expected) {
    throw std::runtime_error("LISTEN_FDNAMES has " + std::to_string(names.size()) +
                             " names, but LISTEN_FDS says " + std::to_string(expected));
  }
  return names;
}

std::vector<PassedDescriptor> take_passed_descriptors() {
  std::vector<PassedDescriptor> passed;
  int number = kFirst;
  for (std::string& name :
       passed_names({variable("LISTEN_PID"), variable("LISTEN_FDS"), variable("LISTEN_FDNAMES")}, getpid())) {
    if (fcntl(number, F_GETFD) < 0) {
      throw std::runtime_error("descriptor " + std::to_string(number) +
                               ", which LISTEN_FDS counts, is not open");
    }
    passed.push_back({FileDescriptor(number++), std::move(name)});
  }
  return passed;
}

}  // namespace wskeep::net
