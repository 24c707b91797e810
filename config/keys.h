// The names of all options, taken from the schema.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wskeep::config {

// The dotted path of every option in schema order, with "#" for the index of a list element:
// "listeners.#.address". Made once, then constant.
const std::vector<std::string>& all_keys();

// "WSKEEP_LISTENERS_#_ADDRESS" for "listeners.#.address".
std::string variable_name(std::string_view key);

// The key that an environment variable sets, with the index it names ("listeners.0.address"), or none.
std::optional<std::string> key_of_variable(std::string_view name);

// Whether Kubernetes makes a variable like this for a Service named wskeep or wskeep-*, in every pod of its
// namespace: WSKEEP_SERVICE_HOST, WSKEEP_SERVICE_PORT, WSKEEP_SERVICE_PORT_<NAME>, WSKEEP_PORT and
// WSKEEP_PORT_<NUMBER>_<PROTOCOL>, the last also with _PROTO, _PORT and _ADDR. Where the value is always a
// URL it must be one, so that an operator's own WSKEEP_PORT=80 is still reported.
bool is_kubernetes_variable(std::string_view name, std::string_view value);

}  // namespace wskeep::config
