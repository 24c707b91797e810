#include "config/suggest.h"

#include <algorithm>
#include <cstddef>

namespace wskeep::config {
namespace {

constexpr std::size_t kLongestWord = 100;  // the distance costs the product of both lengths
constexpr std::size_t kMostSlips = 3;
constexpr std::size_t kShortestPrefix = 3;

// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLongestWord) return "";
  std::size_t nearest = std::clamp<std::size_t>(word.size() / 3, 1, kMostSlips) + 1;
  std::string_view best;
  for (const std::string& candidate : candidates) {
    const bool begun = word.size() >= kShortestPrefix && candidate.starts_with(word);
    const std::size_t far = begun ? 1 : distance(word, candidate);
    if (far < nearest) {
      nearest = far;
      best = candidate;
    }
  }
  return best.empty() ? "" : " (did you mean " + std::string(best) + "?)";
}

}  // namespace wskeep::config
