#include "proxy/http/error_page.h"

#include <cstdlib>

namespace wskeep::http {

std::string_view phrase(Status status) noexcept {
  switch (status) {
    case Status::kBadRequest: return "Bad Request";
    case Status::kForbidden: return "Forbidden";
    case Status::kRequestTimeout: return "Request Timeout";
    case Status::kUpgradeRequired: return "Upgrade Required";
    case Status::kTooManyRequests: return "Too Many Requests";
    case Status::kHeaderFieldsTooLarge: return "Request Header Fields Too Large";
    case Status::kNotImplemented: return "Not Implemented";
    case Status::kBadGateway: return "Bad Gateway";
    case Status::kServiceUnavailable: return "Service Unavailable";
    case Status::kGatewayTimeout: return "Gateway Timeout";
  }
  std::abort();
}

std::string error_answer(Status status, std::string_view reason,
                         std::optional<std::chrono::seconds> retry_after) {
  std::string title = std::to_string(static_cast<int>(status));
  title.append(" ").append(phrase(status));
  std::string body = title;
  body.append(": ").append(reason).append("\n");

  std::string answer = "HTTP/1.1 " + title + "\r\n";
  answer += "Content-Type: text/plain; charset=utf-8\r\n";
  answer += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  answer += "Cache-Control: no-store\r\n";
  if (retry_after) answer += "Retry-After: " + std::to_string(retry_after->count()) + "\r\n";
  if (status == Status::kUpgradeRequired) {
    answer +=
        "Upgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Connection: Upgrade, close\r\n";
  } else {
    answer += "Connection: close\r\n";
  }
  return answer + "\r\n" + body;
}

}  // namespace wskeep::http
