// Guesses what a mistyped word was meant to be. For error messages only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wskeep::config {

// " (did you mean X?)" for the candidate nearest to `word`, or "" when none is near: near is one slip (a
// wrong, missing, extra or swapped character) for every three characters, three at most, or a candidate
// that `word` begins.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace wskeep::config
