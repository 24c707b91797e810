#include "proxy/websocket/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wskeep::websocket {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

using FieldList = std::vector<HeaderField>;

FieldList good_request() {
  return {{"Host", "example.org"},
          {"Upgrade", "websocket"},
          {"Connection", "Upgrade"},
          {"Sec-WebSocket-Key", kKey},
          {"Sec-WebSocket-Version", "13"}};
}

FieldList good_answer() {
  return {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", kAccept}};
}

// The list with the field set to a value, without the field when the value is null.
FieldList with(FieldList fields, std::string_view name, const char* value) {
  std::erase_if(fields, [name](const HeaderField& field) { return field.name == name; });
  if (value != nullptr) fields.push_back({name, value});
  return fields;
}

FieldList plus(FieldList fields, HeaderField field) {
  fields.push_back(field);
  return fields;
}

TEST(AcceptKey, IsTheSampleOfTheRfc) {
  EXPECT_EQ(accept_key(kKey), kAccept);
}

TEST(Fields, AreFoundWithoutRegardToCase) {
  const FieldList fields{{"A", "1"}, {"bB", "2"}, {"BB", "3"}};
  EXPECT_EQ(find_field(fields, "BB"), &fields[1]);
  EXPECT_EQ(find_field(fields, "B"), nullptr);
  EXPECT_EQ(count_fields(fields, "bb"), 2u);
  EXPECT_FALSE(equal_ignoring_case("[", "{"));  // differ by 0x20 as well, but are no letters
}

TEST(Lists, GiveUpTheirElements) {
  std::string_view list = " a ,\t,b c";
  EXPECT_EQ(pop_list_element(list), "a");
  EXPECT_EQ(pop_list_element(list), "");
  EXPECT_EQ(pop_list_element(list), "b c");
  EXPECT_TRUE(list.empty());
}

TEST(Lists, HoldTokensOverSeveralFields) {
  const FieldList fields{{"Connection", "keep-alive, foo"}, {"connection", "UPGRADE"}};
  EXPECT_TRUE(has_token(fields, "Connection", "upgrade"));
  EXPECT_TRUE(has_token(fields, "Connection", "Foo"));
  EXPECT_FALSE(has_token(fields, "Connection", "fo"));
  EXPECT_FALSE(has_token(fields, "Upgrade", "foo"));
}

TEST(JudgeRequest, AcceptsHandshakes) {
  const RequestVerdict ok{RequestKind::kUpgrade, {}};
  EXPECT_EQ(judge_request("GET", 11, good_request()), ok);
  EXPECT_EQ(judge_request("GET", 11, with(good_request(), "Upgrade", "h2c, WebSocket")), ok);
  EXPECT_EQ(judge_request("GET", 11, with(good_request(), "Connection", "keep-alive, Upgrade")), ok);
  EXPECT_EQ(judge_request("GET", 11, plus(good_request(), {"Content-Length", "0"})), ok);
  EXPECT_EQ(judge_request("GET", 11, with(good_request(), "Sec-WebSocket-Key", "++//AAAAAAAAAAAAAAAAAZ==")),
            ok);
}

TEST(JudgeRequest, LeavesOrdinaryRequestsAlone) {
  const RequestVerdict ordinary{};
  EXPECT_EQ(judge_request("GET", 11, FieldList{}), ordinary);
  EXPECT_EQ(judge_request("POST", 10, FieldList{{"Host", "a"}}), ordinary);
  EXPECT_EQ(judge_request("GET", 11, with(good_request(), "Upgrade", nullptr)), ordinary);
  EXPECT_EQ(judge_request("GET", 11, with(good_request(), "Upgrade", "h2c")), ordinary);
  EXPECT_EQ(judge_request("GET", 11, with(good_request(), "Upgrade", "websockets")), ordinary);
}

TEST(JudgeRequest, RefusesWithAReason) {
  struct Case {
    const char* name;
    const char* value;  // null: without the field
    const char* reason;
  };
  const std::vector<Case> cases{
      {"Connection", nullptr, "Connection does not name Upgrade"},
      {"Connection", "keep-alive", "Connection does not name Upgrade"},
      {"Host", nullptr, "there must be exactly one Host"},
      {"Content-Length", "1", "a WebSocket handshake must not have a body"},
      {"Content-Length", "00", "a WebSocket handshake must not have a body"},
      {"Transfer-Encoding", "chunked", "a WebSocket handshake must not have a body"},
      {"Sec-WebSocket-Key", nullptr, "Sec-WebSocket-Key is missing"},
      {"Sec-WebSocket-Key", "", "Sec-WebSocket-Key is not the base64 of 16 bytes"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=", "Sec-WebSocket-Key is not the base64 of 16 bytes"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ===", "Sec-WebSocket-Key is not the base64 of 16 bytes"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWE=", "Sec-WebSocket-Key is not the base64 of 16 bytes"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j*Q==", "Sec-WebSocket-Key is not the base64 of 16 bytes"},
  };
  for (const Case& c : cases) {
    const RequestVerdict expected{RequestKind::kBad, c.reason};
    EXPECT_EQ(judge_request("GET", 11, with(good_request(), c.name, c.value)), expected) << c.name;
  }
  EXPECT_EQ(judge_request("POST", 11, good_request()).reason, "a WebSocket handshake must be a GET request");
  EXPECT_EQ(judge_request("get", 11, good_request()).kind, RequestKind::kBad);
  EXPECT_EQ(judge_request("GET", 10, good_request()).reason, "a WebSocket handshake needs HTTP/1.1");
  EXPECT_EQ(judge_request("GET", 11, plus(good_request(), {"host", "example.org"})).reason,
            "there must be exactly one Host");
  EXPECT_EQ(judge_request("GET", 11, plus(good_request(), {"sec-websocket-key", kKey})).reason,
            "more than one Sec-WebSocket-Key");
}

TEST(JudgeRequest, AsksForVersion13) {
  const RequestVerdict unsupported{RequestKind::kUnsupportedVersion, "Sec-WebSocket-Version must be 13"};
  for (const char* version : {"", "8", "0", "013", "13, 8", "+13"}) {
    EXPECT_EQ(judge_request("GET", 11, with(good_request(), "Sec-WebSocket-Version", version)), unsupported);
  }
  EXPECT_EQ(judge_request("GET", 11, with(good_request(), "Sec-WebSocket-Version", nullptr)), unsupported);
  EXPECT_EQ(judge_request("GET", 11, plus(good_request(), {"Sec-WebSocket-Version", "13"})), unsupported);
  auto hixie = with(with(good_request(), "Sec-WebSocket-Version", nullptr), "Sec-WebSocket-Key", nullptr);
  EXPECT_EQ(judge_request("GET", 11, hixie), unsupported);
}

TEST(JudgeAnswer, SwitchesOnlyOnARight101) {
  const AnswerVerdict ok{AnswerKind::kSwitched, {}};
  EXPECT_EQ(judge_answer(101, good_answer(), good_request()), ok);
  EXPECT_EQ(judge_answer(101, with(good_answer(), "Upgrade", "WebSocket"), good_request()), ok);
  EXPECT_EQ(judge_answer(101, with(good_answer(), "Connection", "keep-alive, upgrade"), good_request()), ok);
  for (const int status : {100, 102, 103, 200, 301, 401, 426, 500}) {
    EXPECT_EQ(judge_answer(status, good_answer(), good_request()), AnswerVerdict{}) << status;
  }
}

TEST(JudgeAnswer, RefusesWithAReason) {
  const auto reason = [](const FieldList& fields) {
    const AnswerVerdict verdict = judge_answer(101, fields, good_request());
    EXPECT_EQ(verdict.kind, AnswerKind::kBad);
    return verdict.reason;
  };
  constexpr std::string_view kNoUpgrade = "the backend's 101 does not upgrade to websocket";
  EXPECT_EQ(reason(with(good_answer(), "Upgrade", nullptr)), kNoUpgrade);
  EXPECT_EQ(reason(with(good_answer(), "Upgrade", "h2c")), kNoUpgrade);
  EXPECT_EQ(reason(with(good_answer(), "Upgrade", "websocket, h2c")), kNoUpgrade);
  EXPECT_EQ(reason(plus(good_answer(), {"Upgrade", "websocket"})), kNoUpgrade);
  EXPECT_EQ(reason(with(good_answer(), "Connection", nullptr)),
            "the backend's 101 lacks Connection: Upgrade");
  EXPECT_EQ(reason(with(good_answer(), "Connection", "close")),
            "the backend's 101 lacks Connection: Upgrade");
  EXPECT_EQ(reason(with(good_answer(), "Sec-WebSocket-Accept", nullptr)),
            "the backend's 101 lacks Sec-WebSocket-Accept");
  EXPECT_EQ(reason(plus(good_answer(), {"Sec-WebSocket-Accept", kAccept})),
            "the backend's 101 has more than one Sec-WebSocket-Accept");
  EXPECT_EQ(reason(with(good_answer(), "Sec-WebSocket-Accept", "S3PPLMBITXAQ9KYGZZHZRBK+XOO=")),
            "the backend's Sec-WebSocket-Accept is wrong");
  const FieldList other = with(good_request(), "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
  EXPECT_EQ(judge_answer(101, good_answer(), other).kind, AnswerKind::kBad);
}

TEST(JudgeAnswer, LetsTheBackendChooseOnlyWhatWasOffered) {
  constexpr const char* kProtocol = "the backend's 101 has a subprotocol that was not offered";
  constexpr const char* kTwo = "the backend's 101 has more than one subprotocol";
  constexpr const char* kExtension = "the backend's 101 has an extension that was not offered";
  constexpr const char* kProtocols = "Sec-WebSocket-Protocol";
  constexpr const char* kExtensions = "sec-websocket-extensions";
  struct Case {
    const char* name;
    std::vector<const char*> offered;  // a field each
    std::vector<const char*> chosen;
    const char* reason;  // null: the tunnel opens
  };
  const std::vector<Case> cases{
      {kProtocols, {}, {""}, nullptr},
      {kProtocols, {"chat"}, {}, nullptr},
      {kProtocols, {"chat"}, {"chat"}, nullptr},
      {kProtocols, {"chat, mqtt"}, {"mqtt"}, nullptr},
      {kProtocols, {"chat", "mqtt"}, {"mqtt"}, nullptr},
      {kProtocols, {}, {"chat"}, kProtocol},
      {kProtocols, {"chat"}, {"Chat"}, kProtocol},
      {kProtocols, {"chat"}, {"cha"}, kProtocol},
      {kProtocols, {"chat"}, {"chat2"}, kProtocol},
      {kProtocols, {"chat"}, {"chat;v=1"}, kProtocol},
      {kProtocols, {"chat"}, {"chat", "mqtt"}, kProtocol},
      {kProtocols, {"chat, mqtt"}, {"chat, mqtt"}, kTwo},
      {kProtocols, {"chat, mqtt"}, {"chat", "mqtt"}, kTwo},
      {kProtocols, {"chat"}, {"chat", "chat"}, kTwo},
      {kExtensions, {}, {""}, nullptr},
      {kExtensions, {"permessage-deflate"}, {}, nullptr},
      {kExtensions, {"permessage-deflate"}, {"Permessage-Deflate; server_no_context_takeover"}, nullptr},
      {kExtensions, {"a;x, b ;y=1"}, {"b; z"}, nullptr},
      {kExtensions, {"a", "b"}, {"b, a"}, nullptr},
      {kExtensions, {}, {"permessage-deflate"}, kExtension},
      {kExtensions, {"permessage-deflate"}, {"x-webkit-deflate-frame"}, kExtension},
      {kExtensions, {"permessage-deflate; x"}, {"x"}, kExtension},
      {kExtensions, {"a"}, {"a, b"}, kExtension},
      {kExtensions, {"a"}, {"a", "b"}, kExtension},
      {kExtensions, {"a"}, {";a"}, kExtension},
  };
  for (const Case& c : cases) {
    FieldList request = good_request();
    FieldList answer = good_answer();
    for (const char* value : c.offered) request.push_back({c.name, value});
    for (const char* value : c.chosen) answer.push_back({c.name, value});
    const AnswerVerdict expected = c.reason == nullptr ? AnswerVerdict{AnswerKind::kSwitched, {}}
                                                       : AnswerVerdict{AnswerKind::kBad, c.reason};
    EXPECT_EQ(judge_answer(101, answer, request), expected) << testing::PrintToString(c.chosen);
  }
}

TEST(ExtensionRulesOf, FollowTheAnswer) {
  const auto rules = [](const std::vector<std::string_view>& values) {
    FieldList fields{{"Upgrade", "websocket"}};
    for (const auto value : values) fields.push_back({"sec-websocket-extensions", value});
    return extension_rules(fields);
  };
  EXPECT_EQ(rules({}), ExtensionRules::kNone);
  EXPECT_EQ(rules({""}), ExtensionRules::kNone);
  EXPECT_EQ(rules({"permessage-deflate"}), ExtensionRules::kPermessageDeflate);
  EXPECT_EQ(rules({"Permessage-Deflate ; server_no_context_takeover; client_max_window_bits=15"}),
            ExtensionRules::kPermessageDeflate);
  EXPECT_EQ(rules({"x-webkit-deflate-frame"}), ExtensionRules::kUnknown);
  EXPECT_EQ(rules({"permessage-deflate, bbf-usp-protocol"}), ExtensionRules::kUnknown);
  EXPECT_EQ(rules({"permessage-deflate", "mux; max-channels=4"}), ExtensionRules::kUnknown);
  EXPECT_EQ(rules({"permessage-deflate2"}), ExtensionRules::kUnknown);
}

TEST(SelectedProtocol, IsTheFirst) {
  EXPECT_EQ(selected_protocol(FieldList{}), "");
  EXPECT_EQ(selected_protocol(FieldList{{"sec-websocket-protocol", "graphql-ws"}}), "graphql-ws");
  EXPECT_EQ(selected_protocol(
                FieldList{{"Sec-WebSocket-Protocol", "mqtt , chat"}, {"Sec-WebSocket-Protocol", "x"}}),
            "mqtt");
}

}  // namespace
}  // namespace wskeep::websocket
