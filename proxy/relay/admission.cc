#include "proxy/relay/admission.h"

#include <netinet/in.h>

#include <cassert>
#include <cstring>
#include <utility>

#include "proxy/net/random.h"

namespace wskeep::relay {

// The finaliser of MurmurHash3: each bit of the key touches all of the result.
std::size_t Admission::KeyHash::operator()(ClientKey key) const noexcept {
  key ^= secret;
  key = (key ^ key >> 33) * 0xFF51AFD7ED558CCD;
  key = (key ^ key >> 33) * 0xC4CEB9FE1A85EC53;
  return key ^ key >> 33;
}

Admission::Admission() : slots_{Slot{0, 0}}, slot_of_client_(0, KeyHash{net::KernelRandom().next()}) {}

// IPv4 addresses lie where IPv6 has no networks: below ::/32 (RFC 4291 section 2.4 reserves ::/8).
std::optional<Admission::ClientKey> Admission::key_of(const net::SocketAddress& client) noexcept {
  if (client.size() == 0) return std::nullopt;
  const auto number = [](const std::uint8_t* bytes, std::size_t size) {
    ClientKey key = 0;
    for (std::size_t i = 0; i < size; ++i) key = key << 8 | bytes[i];
    return key;
  };
  switch (client.family()) {
    case AF_INET: {
      sockaddr_in address{};
      std::memcpy(&address, client.get(), sizeof address);
      return ntohl(address.sin_addr.s_addr);
    }
    case AF_INET6: {
      sockaddr_in6 address{};
      std::memcpy(&address, client.get(), sizeof address);
      const std::uint8_t* const bytes = address.sin6_addr.s6_addr;
      return IN6_IS_ADDR_V4MAPPED(&address.sin6_addr) ? number(bytes + 12, 4) : number(bytes, 8);
    }
    default: return std::nullopt;
  }
}

Admission::Answer Admission::ask(const net::SocketAddress& client, const config::Limits& limits) {
  const std::optional<ClientKey> key = limits.sessions_per_client != 0 ? key_of(client) : std::nullopt;
  const std::lock_guard lock(mutex_);
  if (limits.sessions != 0 && sessions_ >= limits.sessions) return {Verdict::kFull, {}};
  const std::uint32_t slot = key ? slot_of(*key) : static_cast<std::uint32_t>(kNobodys);
  if (key && slots_[slot].sessions >= limits.sessions_per_client) return {Verdict::kFullOfClient, {}};
  ++slots_[slot].sessions;
  ++sessions_;
  return {Verdict::kAdmitted, Place(*this, PlaceId{slot})};
}

// The client's, or a new one for it.
std::uint32_t Admission::slot_of(ClientKey client) {
  const auto [found, is_new] = slot_of_client_.try_emplace(client, 0);
  if (!is_new) return found->second;
  if (first_free_ == kNoSlot) {
    try {
      slots_.push_back({kNoSlot, 0});
    } catch (...) {
      slot_of_client_.erase(found);
      throw;
    }
    first_free_ = static_cast<std::uint32_t>(slots_.size() - 1);
  }
  found->second = std::exchange(first_free_, static_cast<std::uint32_t>(slots_[first_free_].client));
  slots_[found->second] = {client, 0};
  return found->second;
}

void Admission::leave(PlaceId place) noexcept {
  if (place == kNoPlace) return;
  const auto index = static_cast<std::uint32_t>(place);
  const std::lock_guard lock(mutex_);
  assert(index < slots_.size() && slots_[index].sessions != 0 && sessions_ != 0);
  --sessions_;
  Slot& slot = slots_[index];
  if (--slot.sessions != 0 || place == kNobodys) return;
  slot_of_client_.erase(slot.client);
  slot.client = std::exchange(first_free_, index);
}

std::size_t Admission::sessions() const {
  const std::lock_guard lock(mutex_);
  return sessions_;
}

std::size_t Admission::clients() const {
  const std::lock_guard lock(mutex_);
  return slot_of_client_.size();
}

}  // namespace wskeep::relay
