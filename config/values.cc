#include "config/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace wskeep::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest last: writing takes the largest that divides.
constexpr std::array kTimes{Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array kSizes{Unit{"B", 1}, Unit{"KiB", 1U << 10}, Unit{"MiB", 1U << 20},
                            Unit{"GiB", 1U << 30}};

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A number at the front of a text and what follows it.
struct Number {
  std::uint64_t value = 0;
  std::string_view rest;
  Why why;
};

// `form` completes the sentence "... is not ...".
Number split_number(std::string_view text, std::string_view form) {
  const auto* end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  Number number;
  number.rest = text.substr(digits.size());
  if (digits.empty()) {
    number.why = fmt::format("{} is not {}", shown(text), form);
  } else if (digits.size() > 1 && digits.front() == '0') {
    const std::size_t first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
    number.why = fmt::format("{} has a leading zero, which some YAML readers take for octal: write {}",
                             shown(text), text.substr(first));
  } else if (std::from_chars(digits.data(), digits.data() + digits.size(), number.value).ec != std::errc{}) {
    number.why = fmt::format("{} is too large", shown(text));
  }
  return number;
}

template <std::size_t kCount>
std::string write_with_unit(std::uint64_t value, const std::array<Unit, kCount>& units) {
  if (value == 0) return "0";
  const auto largest = std::find_if(units.rbegin(), units.rend(),
                                    [value](const Unit& unit) { return value % unit.factor == 0; });
  return fmt::format("{}{}", value / largest->factor, largest->name);
}

template <std::size_t kCount>
const Unit* find_unit(std::string_view name, const std::array<Unit, kCount>& units) {
  const auto* found =
      std::find_if(units.begin(), units.end(), [name](const Unit& u) { return u.name == name; });
  return found == units.end() ? nullptr : found;
}

std::string out_of_range(std::string_view text, std::string_view range) {
  return fmt::format("{} is out of range ({})", shown(text), range);
}

constexpr std::uint64_t count_of(milliseconds value) {
  return static_cast<std::uint64_t>(value.count());
}

bool is_ip(int family, std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(family, std::string(text).c_str(), ignored.data()) == 1;
}

}  // namespace

Why Duration::read(std::string_view text, milliseconds& value) const {
  const Number number = split_number(text, "a duration, e.g. 25s");
  if (number.why) return number.why;
  if (number.value == 0 && number.rest.empty()) {
    if (!or_zero && min > milliseconds::zero()) return out_of_range(text, expected());
    value = milliseconds::zero();
    return std::nullopt;
  }
  if (number.rest.empty()) return fmt::format("{} needs a unit, e.g. {}s", shown(text), number.value);
  const Unit* unit = find_unit(number.rest, kTimes);
  if (unit == nullptr) {
    return fmt::format("{} is not a whole number and one of the units ms, s, m and h, e.g. 25s", shown(text));
  }
  if (number.value > count_of(max) / unit->factor) return out_of_range(text, expected());
  const milliseconds read{static_cast<milliseconds::rep>(number.value * unit->factor)};
  if (read < min && !(or_zero && read == milliseconds::zero())) return out_of_range(text, expected());
  if (read % step != milliseconds::zero()) {
    return fmt::format("{} is not a multiple of {}", shown(text), write(step));
  }
  value = read;
  return std::nullopt;
}

std::string Duration::write(milliseconds value) const {
  return write_with_unit(count_of(value), kTimes);
}

std::string Duration::expected() const {
  return fmt::format("{}{} to {}{}", or_zero ? "0 or " : "", write(min), write(max),
                     step > milliseconds{1} ? ", in steps of " + write(step) : "");
}

Why Size::read(std::string_view text, std::size_t& value) const {
  const Number number = split_number(text, "a size, e.g. 64KiB");
  if (number.why) return number.why;
  const Unit* unit = number.rest.empty() ? &kSizes.front() : find_unit(number.rest, kSizes);
  if (unit == nullptr) {
    return fmt::format("{} is not a whole number and one of the units B, KiB, MiB and GiB, e.g. 64KiB",
                       shown(text));
  }
  if (number.value > max / unit->factor || number.value * unit->factor < min) {
    return out_of_range(text, expected());
  }
  value = number.value * unit->factor;
  return std::nullopt;
}

std::string Size::write(std::size_t value) const {
  return write_with_unit(value, kSizes);
}

std::string Size::expected() const {
  return write(min) + " to " + write(max);
}

Why Percent::read(std::string_view text, std::uint8_t& value) const {
  const Number number = split_number(text, "a percentage, e.g. 20%");
  if (number.why) return number.why;
  if (number.rest.empty()) {
    return fmt::format("{} needs a percent sign, e.g. {}%", shown(text), number.value);
  }
  if (number.rest != "%") return fmt::format("{} is not a whole percentage, e.g. 20%", shown(text));
  if (number.value < min || number.value > max) return out_of_range(text, expected());
  value = static_cast<std::uint8_t>(number.value);
  return std::nullopt;
}

std::string Percent::write(std::uint8_t value) const {
  return fmt::format("{}%", value);
}

std::string Percent::expected() const {
  return write(min) + " to " + write(max);
}

Why Integer::read(std::string_view text, std::uint32_t& value) const {
  const Number number = split_number(text, "a whole number");
  if (number.why) return number.why;
  if (!number.rest.empty()) return fmt::format("{} is not a whole number", shown(text));
  if (number.value < min || number.value > max) return out_of_range(text, expected());
  value = static_cast<std::uint32_t>(number.value);
  return std::nullopt;
}

std::string Integer::write(std::uint32_t value) const {
  return fmt::to_string(value);
}

std::string Integer::expected() const {
  return write(min) + " to " + write(max);
}

Why CloseCode::read(std::string_view text, std::uint16_t& value) const {
  const Number number = split_number(text, "a close code");
  if (number.why) return number.why;
  if (!number.rest.empty()) return fmt::format("{} is not a close code", shown(text));
  const auto within = [&number](std::uint64_t low, std::uint64_t high) {
    return number.value >= low && number.value <= high;
  };
  if (!within(1000, 1003) && !within(1007, 1014) && !within(3000, 4999)) {
    return fmt::format("{} is not a close code that may be sent ({})", shown(text), expected());
  }
  value = static_cast<std::uint16_t>(number.value);
  return std::nullopt;
}

std::string CloseCode::write(std::uint16_t value) const {
  return fmt::to_string(value);
}

std::string CloseCode::expected() const {
  return "1000 to 1003, 1007 to 1014 or 3000 to 4999";
}

Why IpAddresses::read(std::string_view text, std::vector<std::string>& value) const {
  std::vector<std::string> addresses;
  for (std::size_t begin = 0; text != "none" && begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string_view address = text.substr(begin, end - begin);
    while (address.starts_with(' ')) address.remove_prefix(1);
    while (address.ends_with(' ')) address.remove_suffix(1);
    if (!is_ip(AF_INET, address) && !is_ip(AF_INET6, address)) {
      return fmt::format("{} is not an IP address, e.g. 192.0.2.1 or 2001:db8::1", shown(address));
    }
    if (std::find(addresses.begin(), addresses.end(), address) != addresses.end()) {
      return fmt::format("{} is there twice", shown(address));
    }
    addresses.emplace_back(address);
    begin = end + 1;
  }
  if (addresses.size() > max) return fmt::format("has {} addresses; {} are allowed", addresses.size(), max);
  value = std::move(addresses);
  return std::nullopt;
}

std::string IpAddresses::write(const std::vector<std::string>& value) const {
  return value.empty() ? "none" : fmt::format("{}", fmt::join(value, ", "));
}

std::string IpAddresses::expected() const {
  return fmt::format("none or up to {} IP addresses, separated by commas", max);
}

}  // namespace wskeep::config
