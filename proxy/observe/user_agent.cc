#include "proxy/observe/user_agent.h"

#include <algorithm>
#include <cstddef>

namespace wskeep::observe {
namespace {

struct Rule {
  std::string_view token;
  std::string_view family;
};

// The first match wins. Browsers claim to be their elders too (Edge says Chrome and Safari, Chrome says
// Safari, all say Mozilla), so the youngest name stands first; a runtime that embeds one stands before it.
constexpr Rule kRules[] = {
    {"Electron/", "electron"},
    {"Edg/", "edge"},
    {"EdgA/", "edge"},
    {"EdgiOS/", "edge"},
    {"Edge/", "edge"},
    {"OPR/", "opera"},
    {"OPiOS/", "opera"},
    {"Opera/", "opera"},
    {"SamsungBrowser/", "samsung_browser"},
    {"wv)", "android_webview"},
    {"FxiOS/", "firefox"},
    {"Firefox/", "firefox"},
    {"HeadlessChrome/", "chrome"},
    {"CriOS/", "chrome"},
    {"Chrome/", "chrome"},
    {"Safari/", "safari"},
    {"AppleWebKit/", "webkit"},
    {"CFNetwork/", "cfnetwork"},
    {"Bun/", "bun"},
    {"Deno/", "deno"},
    {"node", "node"},
    {"Node", "node"},
    {"undici", "node"},
    {"Python", "python"},
    {"python", "python"},
    {"Go-http-client/", "go"},
    {"okhttp/", "okhttp"},
    {"Java", "java"},
    {"Apache-HttpClient/", "java"},
    {"Dart/", "dart"},
    {"UnityPlayer/", "unity"},
    {".NET", "dotnet"},
    {"dotnet", "dotnet"},
    {"curl/", "curl"},
    {"k6/", "k6"},
    {"PostmanRuntime/", "postman"},
    {"arduino-WebSocket-Client", "arduino"},
    {"ESP32 Websocket Client", "esp32"},
};

// Whether `token` stands in `text` where a product may begin: "node" does in "(node 20)", not in "encode".
bool has_token(std::string_view text, std::string_view token) noexcept {
  for (std::size_t at = text.find(token); at != std::string_view::npos; at = text.find(token, at + 1)) {
    if (at == 0 || text[at - 1] == ' ' || text[at - 1] == ';' || text[at - 1] == '(') return true;
  }
  return false;
}

}  // namespace

std::string_view user_agent_family(std::string_view user_agent) noexcept {
  if (user_agent.empty()) return "none";
  const auto* const rule =
      std::ranges::find_if(kRules, [&](const Rule& each) { return has_token(user_agent, each.token); });
  return rule == std::end(kRules) ? "other" : rule->family;
}

}  // namespace wskeep::observe
