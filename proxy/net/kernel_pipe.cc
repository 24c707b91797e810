#include "proxy/net/kernel_pipe.h"

#include <fcntl.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <utility>

namespace wskeep::net {
namespace {

// The pipe counts pages, and a page seldom comes filled: with the usual 64 KiB the large messages of a fast
// sender are cut into more pieces.
constexpr int kPipeSize = 262'144;

// The kernel's own flag of the sockets decides that neither call waits for one; this one is for the pipe.
constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

}  // namespace

KernelPipe::KernelPipe() noexcept {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return;
  FileDescriptor read_end(ends[0]);
  FileDescriptor write_end(ends[1]);
  // A sandbox may forbid splice; the kernel itself would say that -1 is no descriptor.
  if (splice(-1, nullptr, write_end.get(), nullptr, 1, kFlags) >= 0 || errno != EBADF) return;
  (void)fcntl(write_end.get(), F_SETPIPE_SZ, kPipeSize);  // refused: the usual size will do
  read_end_ = std::move(read_end);
  write_end_ = std::move(write_end);
}

bool KernelPipe::joins(const Transport& source, const Transport& sink) const noexcept {
  return read_end_ && source.plain_socket() >= 0 && sink.plain_socket() >= 0;
}

Conduit::Moved KernelPipe::move(Transport& source, Transport& sink, std::span<std::uint8_t> memory) noexcept {
  using Status = IoResult::Status;
  const ssize_t taken =
      splice(source.plain_socket(), nullptr, write_end_.get(), nullptr, memory.size(), kFlags);
  if (taken == 0) return {.source = {Status::kEnd}};
  if (taken < 0 && (errno == EAGAIN || errno == EINTR)) return {.source = {Status::kBlocked}};
  if (taken < 0) return {.source = {.status = Status::kFailed, .error = errno}};

  Moved moved{.source = {.status = Status::kOk, .bytes = static_cast<std::size_t>(taken)}};
  std::size_t left = moved.source.bytes;
  while (left != 0) {
    const ssize_t given = splice(read_end_.get(), nullptr, sink.plain_socket(), nullptr, left, kFlags);
    if (given < 0 && errno == EINTR) continue;
    if (given < 0 && errno != EAGAIN) moved.sink_error = errno;
    if (given <= 0) break;
    left -= static_cast<std::size_t>(given);
  }
  while (moved.refused < left) {
    const ssize_t back = read(read_end_.get(), memory.data() + moved.refused, left - moved.refused);
    assert(back > 0 && "what is in a pipe of one's own can be read");
    if (back <= 0) break;
    moved.refused += static_cast<std::size_t>(back);
  }
  return moved;
}

}  // namespace wskeep::net
