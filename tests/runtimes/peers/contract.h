// What the C++ peers share; the contract is told in ../run.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <string>
#include <thread>

constexpr const char* kOwn = "own";
constexpr std::size_t kFlood = 16 << 20;  // bytes

// Ends the process when standard input ends.
inline void leave_with_the_test() {
  std::thread([] {
    std::cin.ignore(std::numeric_limits<std::streamsize>::max());
    std::_Exit(0);
  }).detach();
}

inline void listening(std::uint16_t port) {
  std::printf("{\"event\": \"listening\", \"port\": %u}\n", unsigned{port});
  std::fflush(stdout);
}

// Obeys one message: `send` sends a text, `ping` a ping with the payload kOwn.
template <class Send, class Ping>
void obey(const std::string& text, const std::string& version, Send send, Ping ping) {
  if (text == "ping") {
    ping();
  } else if (text == "flood") {
    send(std::string(kFlood, 'x'));
  } else {
    send(text == "version" ? version : text);
  }
}

// Where a client is to connect to, out of ws://HOST:PORT/PATH.
struct Target {
  std::string host, port, path;

  explicit Target(const std::string& url) {
    const auto authority = url.find("//") + 2;
    const auto colon = url.find(':', authority), slash = url.find('/', authority);
    host = url.substr(authority, colon - authority);
    port = url.substr(colon + 1, slash - colon - 1);
    path = url.substr(slash);
  }
};
