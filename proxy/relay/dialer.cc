#include "proxy/relay/dialer.h"

#include <bit>
#include <cassert>
#include <cerrno>
#include <exception>

#include "proxy/observe/log.h"

namespace wskeep::relay {

std::size_t Dialer::Round::left() const noexcept {
  return size() - static_cast<std::size_t>(std::popcount(tried));
}

Dialer::Round Dialer::begin_round() noexcept {
  Round round{.set = backend_.current()};
  if (round.set != set_) {
    set_ = round.set;
    avoid_until_ = {};
  }
  if (round.size() != 0) round.first = next_first_++ % round.size();
  return round;
}

std::size_t Dialer::next_target(Round& round, TimePoint now) noexcept {
  assert(round.left() != 0);
  const auto is_tried = [&round](std::size_t target) { return (round.tried >> target & 1) != 0; };
  const auto is_avoided = [&](std::size_t target) { return round.set == set_ && avoid_until_[target] > now; };
  std::size_t chosen = round.size();
  for (std::size_t i = 0; i < round.size(); ++i) {
    const std::size_t target = (round.first + i) % round.size();
    if (is_tried(target)) continue;
    if (chosen == round.size()) chosen = target;
    if (is_avoided(target)) continue;
    chosen = target;
    break;
  }
  round.tried |= std::uint64_t{1} << chosen;
  return chosen;
}

net::Connecting Dialer::connect(const Round& round, std::size_t target) noexcept {
  const net::SocketAddress& address = round.set->targets[target];
  net::Connecting connecting =
      round.set->sources.empty() ? net::connect_to(address) : connect_in_turn(*round.set, address);
  if (connecting.error == EADDRNOTAVAIL) tell_of_ports(address);
  return connecting;
}

void Dialer::succeeded(const Round& round, std::size_t target) noexcept {
  if (round.set == set_) avoid_until_[target] = {};
}

void Dialer::failed(const Round& round, std::size_t target, TimePoint now) noexcept {
  if (round.set == set_) avoid_until_[target] = now + kAvoid;
}

net::Connecting Dialer::connect_in_turn(const AddressSet& set, const net::SocketAddress& target) noexcept {
  net::Connecting connecting;
  connecting.error = EADDRNOTAVAIL;
  for (std::size_t tried = 0; tried < set.sources.size() && connecting.error == EADDRNOTAVAIL; ++tried) {
    const net::SocketAddress& source = set.sources[next_source_++ % set.sources.size()];
    if (source.family() == target.family()) connecting = net::connect_to(target, &source);
  }
  return connecting;
}

void Dialer::tell_of_ports(const net::SocketAddress& target) noexcept try {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_told_ < std::chrono::seconds(1)) return;
  last_told_ = now;
  observe::log::error("no port left for another connection to the backend",
                      {{"backend", target.text()},
                       {"advice",
                        "name more addresses of this host in backend.source_addresses, or widen "
                        "net.ipv4.ip_local_port_range"}});
} catch (const std::exception&) {
}

}  // namespace wskeep::relay
