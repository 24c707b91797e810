#include "proxy/websocket/handshake.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace wskeep::websocket {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // section 1.3
constexpr std::size_t kSha1Size = 20;
constexpr std::size_t kAcceptSize = 28;  // base64 of a SHA-1
constexpr std::size_t kKeyDigits = 22;   // base64 of 16 bytes, before its padding

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string_view trim(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

constexpr bool is_base64_digit(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

// The four bits of the last digit that carry no data may be anything: clients that draw 22 random digits
// are in use, and no decoder minds.
bool is_key(std::string_view key) noexcept {
  return key.size() == kKeyDigits + 2 && key.ends_with("==") &&
         std::all_of(key.begin(), key.begin() + kKeyDigits, is_base64_digit);
}

bool announces_body(Fields fields) noexcept {
  return std::any_of(fields.begin(), fields.end(), [](const HeaderField& field) {
    return equal_ignoring_case(field.name, "Transfer-Encoding") ||
           (equal_ignoring_case(field.name, "Content-Length") && field.value != "0");
  });
}

RequestVerdict bad_request(std::string_view reason) noexcept {
  return {RequestKind::kBad, reason};
}

AnswerVerdict bad_answer(std::string_view reason) noexcept {
  return {AnswerKind::kBad, reason};
}

// Calls `visit` with each element that is not empty, of all fields of that name, until it returns false.
// Whether it never did.
template <class Visit>
bool all_elements(Fields fields, std::string_view name, Visit visit) {
  for (const HeaderField& field : fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    for (std::string_view list = field.value; !list.empty();) {
      const std::string_view element = pop_list_element(list);
      if (!element.empty() && !visit(element)) return false;
    }
  }
  return true;
}

// Of an element of Sec-WebSocket-Extensions: its name, without its parameters (section 9.1).
std::string_view extension_name(std::string_view extension) noexcept {
  return trim(extension.substr(0, extension.find(';')));
}

AnswerVerdict judge_subprotocol(Fields answer, Fields request) noexcept {
  constexpr std::string_view kName = "Sec-WebSocket-Protocol";
  std::size_t chosen = 0;
  const bool known = all_elements(answer, kName, [&](std::string_view protocol) {
    ++chosen;
    return !all_elements(request, kName, [&](std::string_view offer) { return offer != protocol; });
  });
  if (!known) return bad_answer("the backend's 101 has a subprotocol that was not offered");
  if (chosen > 1) return bad_answer("the backend's 101 has more than one subprotocol");
  return {AnswerKind::kSwitched, {}};
}

bool extensions_were_offered(Fields answer, Fields request) noexcept {
  constexpr std::string_view kName = "Sec-WebSocket-Extensions";
  return all_elements(answer, kName, [&](std::string_view extension) {
    return !all_elements(request, kName, [&](std::string_view offer) {
      return !equal_ignoring_case(extension_name(offer), extension_name(extension));
    });
  });
}

}  // namespace

bool same_letters(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

const HeaderField* find_field(Fields fields, std::string_view name) noexcept {
  for (const HeaderField& field : fields) {
    if (equal_ignoring_case(field.name, name)) return &field;
  }
  return nullptr;
}

std::size_t count_fields(Fields fields, std::string_view name) noexcept {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(),
                    [name](const HeaderField& field) { return equal_ignoring_case(field.name, name); }));
}

std::string_view pop_list_element(std::string_view& list) noexcept {
  const auto comma = list.find(',');
  const auto element = list.substr(0, comma);
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  return trim(element);
}

bool has_token(Fields fields, std::string_view name, std::string_view token) noexcept {
  return !all_elements(fields, name,
                       [&](std::string_view element) { return !equal_ignoring_case(element, token); });
}

std::string accept_key(std::string_view key) {
  // Looked up once: OpenSSL's search for the algorithm costs four times what the digest does.
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  std::string text{key};
  text += kGuid;
  std::array<unsigned char, kSha1Size> digest{};
  if (sha1 == nullptr || EVP_Digest(text.data(), text.size(), digest.data(), nullptr, sha1, nullptr) != 1) {
    throw std::runtime_error("SHA-1 is not available in the crypto library");
  }
  std::array<unsigned char, kAcceptSize + 1> encoded{};  // EVP_EncodeBlock ends its text with a NUL
  EVP_EncodeBlock(encoded.data(), digest.data(), kSha1Size);
  return {encoded.begin(), encoded.begin() + kAcceptSize};
}

RequestVerdict judge_request(std::string_view method, int http_version, Fields fields) noexcept {
  if (!has_token(fields, "Upgrade", "websocket")) return {};
  if (method != "GET") return bad_request("a WebSocket handshake must be a GET request");
  if (http_version < 11) return bad_request("a WebSocket handshake needs HTTP/1.1");
  if (!has_token(fields, "Connection", "Upgrade")) return bad_request("Connection does not name Upgrade");
  if (count_fields(fields, "Host") != 1) return bad_request("there must be exactly one Host");
  if (announces_body(fields)) return bad_request("a WebSocket handshake must not have a body");

  // Before the key, so that a client of an older draft, which may have none, learns what to speak.
  const HeaderField* version = find_field(fields, "Sec-WebSocket-Version");
  if (version == nullptr || version->value != "13" || count_fields(fields, "Sec-WebSocket-Version") != 1) {
    return {RequestKind::kUnsupportedVersion, "Sec-WebSocket-Version must be 13"};
  }

  const HeaderField* key = find_field(fields, "Sec-WebSocket-Key");
  if (key == nullptr) return bad_request("Sec-WebSocket-Key is missing");
  if (count_fields(fields, "Sec-WebSocket-Key") != 1) return bad_request("more than one Sec-WebSocket-Key");
  if (!is_key(key->value)) return bad_request("Sec-WebSocket-Key is not the base64 of 16 bytes");
  return {RequestKind::kUpgrade, {}};
}

AnswerVerdict judge_answer(int status, Fields answer, Fields request) {
  if (status != 101) return {};
  // A client compares the whole value here, not a token of a list (section 4.1).
  const HeaderField* upgrade = find_field(answer, "Upgrade");
  if (upgrade == nullptr || count_fields(answer, "Upgrade") != 1 ||
      !equal_ignoring_case(upgrade->value, "websocket")) {
    return bad_answer("the backend's 101 does not upgrade to websocket");
  }
  if (!has_token(answer, "Connection", "Upgrade")) {
    return bad_answer("the backend's 101 lacks Connection: Upgrade");
  }
  const HeaderField* accept = find_field(answer, "Sec-WebSocket-Accept");
  if (accept == nullptr) return bad_answer("the backend's 101 lacks Sec-WebSocket-Accept");
  if (count_fields(answer, "Sec-WebSocket-Accept") != 1) {
    return bad_answer("the backend's 101 has more than one Sec-WebSocket-Accept");
  }
  const HeaderField* key = find_field(request, "Sec-WebSocket-Key");
  if (key == nullptr || accept->value != accept_key(key->value)) {
    return bad_answer("the backend's Sec-WebSocket-Accept is wrong");
  }
  if (!extensions_were_offered(answer, request)) {
    return bad_answer("the backend's 101 has an extension that was not offered");
  }
  return judge_subprotocol(answer, request);
}

ExtensionRules extension_rules(Fields answer_fields) noexcept {
  auto rules = ExtensionRules::kNone;
  all_elements(answer_fields, "Sec-WebSocket-Extensions", [&](std::string_view extension) {
    const bool known = equal_ignoring_case(extension_name(extension), "permessage-deflate");
    rules = known ? ExtensionRules::kPermessageDeflate : ExtensionRules::kUnknown;
    return known;
  });
  return rules;
}

std::string_view selected_protocol(Fields answer_fields) noexcept {
  const HeaderField* field = find_field(answer_fields, "Sec-WebSocket-Protocol");
  if (field == nullptr) return {};
  std::string_view list = field->value;
  return pop_list_element(list);
}

}  // namespace wskeep::websocket
