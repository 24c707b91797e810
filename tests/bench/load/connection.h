// Connection is one WebSocket client of the load: it opens, sends its message again and again, checks the
// echoes and answers pings.
//
// It decides nothing about when to send; its owner does. Sending copies nothing (the stream is the message's
// own bytes, over and over), receiving goes through a buffer of the owner. Every fault throws
// std::runtime_error: a load that isn't carried in full measures nothing. One thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/handles.h"
#include "proxy/websocket/frame_scanner.h"
#include "tests/bench/load/message.h"

namespace wskeep::bench {

class Connection {
 public:
  // Connects and shakes hands, blocking, each step 10 s at most; non-blocking after that. `message` must
  // outlive it; every `check_every`th echo is compared byte for byte (the first always), the others by frames
  // and lengths.
  Connection(const net::SocketAddress& server, const Message& message, std::uint64_t check_every);

  int descriptor() const { return descriptor_.get(); }

  // From now on the kernel says when it got what is read.
  void stamp_reads();

  // Sends this many more messages, as far as the socket takes them; `on_writable` goes on.
  void send(std::uint64_t messages);
  void on_writable() { flush(); }

  // Reads all there is, and returns how many echoes are complete with it.
  std::uint64_t on_readable(std::span<std::uint8_t> buffer);

  // Blocks until the echo of a message that was just sent is here.
  void await_echo(std::span<std::uint8_t> buffer);
  // Says Close, and blocks until the server has said it too.
  void close(std::span<std::uint8_t> buffer);

  std::uint64_t sent() const { return sent_; }
  std::uint64_t echoed() const { return echoed_; }
  std::uint64_t pings() const { return pings_; }
  // When the kernel got the last read; 1970 if it didn't say.
  std::chrono::system_clock::time_point read_stamp() const { return stamp_; }

 private:
  using Bytes = std::span<const std::uint8_t>;

  void shake_hands();
  void flush();
  bool read_once(std::span<std::uint8_t> buffer);
  ssize_t receive_stamped(std::span<std::uint8_t> buffer);
  void wait_readable() const;
  void take(Bytes in);
  void begin_frame();
  void take_payload(Bytes payload);
  void end_frame();
  void write_control(websocket::Opcode opcode, Bytes payload);

  net::FileDescriptor descriptor_;
  const Message* message_;
  std::uint64_t check_every_;

  std::uint64_t to_send_ = 0;          // bytes of messages that were asked for and have not left
  std::size_t wire_at_ = 0;            // where in the message's wire bytes the next one stands
  std::vector<std::uint8_t> control_;  // our control frames that wait for the message at hand to have left

  websocket::FrameScanner scanner_{websocket::Sender::kServer, websocket::ExtensionRules::kNone};
  std::uint64_t frame_at_ = 0;  // bytes of the frame at hand that were taken
  bool begun_ = false;          // its header was judged
  std::size_t fragment_ = 0;    // which of the message's fragments is awaited
  std::vector<std::uint8_t> control_payload_;
  bool closed_ = false;  // the server has said Close

  std::uint64_t sent_ = 0;
  std::uint64_t echoed_ = 0;
  std::uint64_t pings_ = 0;
  bool stamped_ = false;
  std::chrono::system_clock::time_point stamp_;
};

}  // namespace wskeep::bench
