#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/http/error_page.h"
#include "tests/unit/http_bytes.h"

namespace wskeep::http {
namespace {

TEST(ErrorAnswer, IsExactlyThis) {
  EXPECT_EQ(error_answer(Status::kBadGateway, "the backend refused the connection"),
            "HTTP/1.1 502 Bad Gateway\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 52\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n"
            "\r\n"
            "502 Bad Gateway: the backend refused the connection\n");
}

TEST(ErrorAnswer, Of426SaysWhatToSpeak) {
  EXPECT_EQ(error_answer(Status::kUpgradeRequired, "Sec-WebSocket-Version must be 13"),
            "HTTP/1.1 426 Upgrade Required\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 55\r\n"
            "Cache-Control: no-store\r\n"
            "Upgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            "Connection: Upgrade, close\r\n"
            "\r\n"
            "426 Upgrade Required: Sec-WebSocket-Version must be 13\n");
}

TEST(ErrorAnswer, SaysWhenToComeBack) {
  using namespace std::chrono_literals;
  EXPECT_THAT(error_answer(Status::kServiceUnavailable, "draining", 5s),
              testing::HasSubstr("\r\nRetry-After: 5\r\n"));
  EXPECT_THAT(error_answer(Status::kServiceUnavailable, "draining"),
              testing::Not(testing::HasSubstr("Retry-After")));
}

TEST(ErrorAnswer, IsAWholeMessageForEveryStatus) {
  for (const auto status : {Status::kBadRequest, Status::kRequestTimeout, Status::kUpgradeRequired,
                            Status::kTooManyRequests, Status::kHeaderFieldsTooLarge, Status::kNotImplemented,
                            Status::kBadGateway, Status::kServiceUnavailable, Status::kGatewayTimeout}) {
    const std::string answer = error_answer(status, "because");
    AnswerReader reader{4096};
    const Fed head = reader.feed(bytes_of(answer));
    ASSERT_EQ(head.progress, Progress::kComplete) << reader.reason();
    EXPECT_EQ(reader.head().status, static_cast<int>(status));
    EXPECT_EQ(reader.head().reason, phrase(status));
    const Fed body = reader.feed_body(bytes_of(answer).subspan(head.used));
    EXPECT_EQ(body, (Fed{Progress::kComplete, answer.size() - head.used}));
  }
}

}  // namespace
}  // namespace wskeep::http
