// A network cable between two network namespaces: slow, lossy, narrow or cut, as its standard input says.
//
//   link NAMESPACE_A DEVICE_A NAMESPACE_B DEVICE_B [SEED]
//
// Makes a TUN device in each namespace (paths such as /proc/PID/ns/net) and carries IPv4 packets between
// them. The devices vanish with the process, which ends with its standard input. Commands, one a line; a last
// word a>b or b>a means that direction alone:
//
//   delay MS [JITTER_MS]   each packet takes MS and up to JITTER_MS more, so jitter also changes their order
//   loss PERCENT           each packet is lost with this probability, drawn from a generator with that seed
//   rate BYTES_S [QUEUE]   so many bytes a second (0: no limit), behind a queue of at most QUEUE bytes (64
//   KiB) cut [ADDRESS]          nothing passes, nor what was under way; with ADDRESS nothing from or to that
//   address heal [ADDRESS]         takes back a cut count                  how much passed, was lost, and
//   found the queue full
//
// The answer to each is one line: `ok` and what `count` counted, or `error` and why. When a packet leaves
// depends on the packet and on the commands before it only; it is punctual to well under a millisecond, as
// long as the process gets its CPU, for which it asks for real-time priority.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "proxy/net/handles.h"

namespace wskeep::networks {
namespace {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using net::FileDescriptor;
using std::chrono::nanoseconds;
using Packet = std::vector<std::uint8_t>;

int check(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

// The addresses of an IPv4 packet, in network order; nothing for anything else.
struct Addresses {
  std::uint32_t source;
  std::uint32_t destination;
};
std::optional<Addresses> addresses_of(std::span<const std::uint8_t> packet) {
  constexpr std::size_t kHeader = 20;
  if (packet.size() < kHeader || packet[0] >> 4 != 4) return std::nullopt;
  Addresses addresses{};
  std::memcpy(&addresses.source, &packet[12], sizeof addresses.source);
  std::memcpy(&addresses.destination, &packet[16], sizeof addresses.destination);
  return addresses;
}

// One direction of the cable: what it does to packets, and those under way.
class Lane {
 public:
  // From one descriptor of a TUN device to the other.
  Lane(int in, int out, std::uint64_t seed) : in_(in), out_(out), random_(seed) {}

  TimePoint next_due() const { return under_way_.empty() ? TimePoint::max() : under_way_.top().due; }

  void set_delay(nanoseconds delay, nanoseconds jitter) {
    delay_ = delay;
    jitter_ = jitter;
  }
  void set_loss(double probability) { loss_ = probability; }
  void set_rate(double bytes_per_second, double queue) {
    rate_ = bytes_per_second;
    queue_ = queue;
    free_at_ = {};
  }
  void cut(std::optional<std::uint32_t> address) {
    if (address) {
      cut_off_.insert(*address);
    } else {
      cut_ = true;
    }
  }
  void heal(std::optional<std::uint32_t> address) {
    if (address) {
      cut_off_.erase(*address);
    } else {
      cut_ = false;
      cut_off_.clear();
    }
  }
  std::string count() const {
    return std::to_string(passed_) + " passed " + std::to_string(lost_) + " lost " +
           std::to_string(refused_) + " refused";
  }

  // Takes every packet that waits at the near end.
  void take() {
    while (true) {
      const ssize_t size = read(in_, buffer_.data(), buffer_.size());
      if (size < 0) return;  // EAGAIN; an interface that went down tells nothing worse
      accept(std::span(buffer_).first(static_cast<std::size_t>(size)), Clock::now());
    }
  }

  // Hands over at the far end what has been long enough under way.
  void deliver(TimePoint now) {
    for (; next_due() <= now; under_way_.pop()) {
      const Packet& packet = under_way_.top().packet;
      if (severed(packet)) {
        ++lost_;
      } else if (write(out_, packet.data(), packet.size()) >= 0) {
        ++passed_;
      }
    }
  }

 private:
  struct UnderWay {
    TimePoint due;
    std::uint64_t number;  // packets that are due together keep their order
    Packet packet;
    bool operator<(const UnderWay& other) const {  // the first is the greatest in a priority queue
      return due != other.due ? due > other.due : number > other.number;
    }
  };

  void accept(std::span<const std::uint8_t> packet, TimePoint now) {
    if (!addresses_of(packet)) return;  // IPv6 announces itself on every interface
    // A number is drawn for each packet, whatever becomes of it, so that a seed says which are lost.
    const bool unlucky = std::generate_canonical<double, 32>(random_) < loss_;
    const double late = std::generate_canonical<double, 32>(random_);
    if (unlucky || severed(packet)) {
      ++lost_;
      return;
    }
    TimePoint leaves = now;
    if (rate_ > 0) {
      free_at_ = std::max(free_at_, now);
      const double queued = std::chrono::duration<double>(free_at_ - now).count() * rate_;
      if (queued + static_cast<double>(packet.size()) > queue_) {
        ++refused_;
        return;
      }
      const std::chrono::duration<double> takes(static_cast<double>(packet.size()) / rate_);
      free_at_ += std::chrono::duration_cast<nanoseconds>(takes);
      leaves = free_at_;
    }
    leaves += delay_ + std::chrono::duration_cast<nanoseconds>(jitter_ * late);
    under_way_.push({leaves, number_++, Packet(packet.begin(), packet.end())});
  }

  bool severed(std::span<const std::uint8_t> packet) const {
    if (cut_) return true;
    const std::optional<Addresses> addresses = addresses_of(packet);
    return cut_off_.contains(addresses->source) || cut_off_.contains(addresses->destination);
  }

  int in_;
  int out_;
  std::mt19937_64 random_;
  nanoseconds delay_{0};
  nanoseconds jitter_{0};
  double loss_ = 0;
  double rate_ = 0;
  double queue_ = 0;
  TimePoint free_at_{};  // when the narrowest place has passed on all that it took
  bool cut_ = false;
  std::set<std::uint32_t> cut_off_;  // addresses, network order
  std::priority_queue<UnderWay> under_way_;
  std::uint64_t number_ = 0;
  std::uint64_t passed_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t refused_ = 0;
  std::array<std::uint8_t, 65'536> buffer_;
};

// One command, taken word by word; throws std::invalid_argument with what is wrong.
class Command {
 public:
  explicit Command(const std::string& line) {
    std::istringstream in(line);
    for (std::string word; in >> word;) words_.push_back(word);
    if (words_.empty()) throw std::invalid_argument("no command");
    a_to_b = words_.back() != "b>a";
    b_to_a = words_.back() != "a>b";
    if (!a_to_b || !b_to_a) words_.pop_back();
    verb = next("a command");
  }

  bool a_to_b;
  bool b_to_a;
  std::string verb;

  bool more() const { return at_ != words_.size(); }
  std::string next(const char* what) {
    if (!more()) throw std::invalid_argument(std::string("wanted ") + what);
    return words_[at_++];
  }
  double number(const char* what) {
    const std::string word = next(what);
    std::size_t used = 0;
    const double value = std::stod(word, &used);
    if (used != word.size() || !(value >= 0)) throw std::invalid_argument(word + " is no " + what);
    return value;
  }
  double number_or(double otherwise, const char* what) { return more() ? number(what) : otherwise; }
  std::optional<std::uint32_t> address() {
    if (!more()) return std::nullopt;
    const std::string word = next("an address");
    in_addr address{};
    if (inet_pton(AF_INET, word.c_str(), &address) != 1) throw std::invalid_argument(word + " is no address");
    return address.s_addr;
  }
  void end() const {
    if (more()) throw std::invalid_argument("too many words");
  }

 private:
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

class Link {
 public:
  Link(FileDescriptor a, FileDescriptor b, std::uint64_t seed)
      : a_(std::move(a)),
        b_(std::move(b)),
        a_to_b_(a_.get(), b_.get(), seed),
        b_to_a_(b_.get(), a_.get(), ~seed) {}

  // Until standard input ends.
  void run() {
    std::array<pollfd, 3> watched{{{a_.get(), POLLIN, 0}, {b_.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    while (true) {
      wait(watched);
      a_to_b_.take();
      b_to_a_.take();
      // After the packets that came before them, before those that are due now.
      if (watched[2].revents != 0 && !obey()) return;
      const TimePoint now = Clock::now();
      a_to_b_.deliver(now);
      b_to_a_.deliver(now);
    }
  }

 private:
  void wait(std::span<pollfd> watched) const {
    const TimePoint due = std::min(a_to_b_.next_due(), b_to_a_.next_due());
    timespec timeout{};
    if (due != TimePoint::max()) {
      const auto left = std::max(nanoseconds(due - Clock::now()), nanoseconds(0)).count();
      timeout = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    }
    check(ppoll(watched.data(), watched.size(), due == TimePoint::max() ? nullptr : &timeout, nullptr),
          "ppoll");
  }

  // The lines that have come; false at the end.
  bool obey() {
    std::array<char, 4096> buffer;
    const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size <= 0) return false;
    commands_.append(buffer.data(), static_cast<std::size_t>(size));
    for (std::size_t end; (end = commands_.find('\n')) != std::string::npos; commands_.erase(0, end + 1)) {
      std::string answer;
      try {
        answer = obey(commands_.substr(0, end));
      } catch (const std::exception& error) {
        answer = std::string("error ") + error.what();
      }
      std::printf("%s\n", answer.c_str());
    }
    std::fflush(stdout);
    return true;
  }

  std::string obey(const std::string& line) {
    using std::chrono::duration_cast;
    using Milliseconds = std::chrono::duration<double, std::milli>;
    Command command(line);
    std::string answer = "ok";
    const auto each = [&](auto change) {
      command.end();
      if (command.a_to_b) change(a_to_b_);
      if (command.b_to_a) change(b_to_a_);
    };
    if (command.verb == "delay") {
      const auto delay = duration_cast<nanoseconds>(Milliseconds(command.number("delay")));
      const auto jitter = duration_cast<nanoseconds>(Milliseconds(command.number_or(0, "jitter")));
      each([=](Lane& lane) { lane.set_delay(delay, jitter); });
    } else if (command.verb == "loss") {
      const double probability = command.number("percentage") / 100;
      each([=](Lane& lane) { lane.set_loss(probability); });
    } else if (command.verb == "rate") {
      const double rate = command.number("rate");
      const double queue = command.number_or(65'536, "queue");
      each([=](Lane& lane) { lane.set_rate(rate, queue); });
    } else if (command.verb == "cut") {
      const auto address = command.address();
      each([=](Lane& lane) { lane.cut(address); });
    } else if (command.verb == "heal") {
      const auto address = command.address();
      each([=](Lane& lane) { lane.heal(address); });
    } else if (command.verb == "count") {
      each([&](const Lane& lane) { answer += ' ' + lane.count(); });
    } else {
      throw std::invalid_argument("no such command: " + command.verb);
    }
    return answer;
  }

  FileDescriptor a_;
  FileDescriptor b_;
  Lane a_to_b_;
  Lane b_to_a_;
  std::string commands_;
};

// A TUN device belongs to the namespace in which /dev/net/tun was opened, and lives as long as its
// descriptor.
FileDescriptor tun_in(const char* space, const char* name) {
  const FileDescriptor descriptor(check(open(space, O_RDONLY | O_CLOEXEC), space));
  check(setns(descriptor.get(), CLONE_NEWNET), std::string("entering ") + space);
  FileDescriptor tun(check(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun"));
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (std::strlen(name) >= sizeof request.ifr_name)
    throw std::invalid_argument("too long a name for a device");
  std::strcpy(request.ifr_name, name);
  check(ioctl(tun.get(), TUNSETIFF, &request), std::string("making ") + name);
  return tun;
}

// What makes a packet punctual on a busy machine; without it the link is only less exact.
void hurry() {
  (void)prctl(PR_SET_TIMERSLACK, 1);
  const sched_param priority{.sched_priority = 1};
  (void)sched_setscheduler(0, SCHED_RR, &priority);
}

}  // namespace
}  // namespace wskeep::networks

int main(int argc, char** argv) try {
  using namespace wskeep::networks;
  if (argc < 5 || argc > 6) {
    std::fprintf(stderr, "usage: %s NAMESPACE_A DEVICE_A NAMESPACE_B DEVICE_B [SEED]\n", argv[0]);
    return 2;
  }
  const std::uint64_t seed = argc == 6 ? std::stoull(argv[5]) : 1;
  auto a = tun_in(argv[1], argv[2]);
  Link link(std::move(a), tun_in(argv[3], argv[4]), seed);
  hurry();
  std::printf("ready\n");
  std::fflush(stdout);
  link.run();
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "link: %s\n", error.what());
  return 1;
}
