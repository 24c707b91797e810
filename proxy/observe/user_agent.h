// The family of a User-Agent: a label with few values, however inventive clients are.
#pragma once

#include <string_view>

namespace wskeep::observe {

// One of a fixed list of words ("chrome", "firefox", "python", ...), "other" for what isn't on it, "none" for
// an empty value. Static storage. Says what a client claims to be, which is worth a hint and no decision.
std::string_view user_agent_family(std::string_view user_agent) noexcept;

}  // namespace wskeep::observe
