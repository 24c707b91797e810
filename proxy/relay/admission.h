// Admission counts the sessions of all workers, in total and of each client, and says whether one more may
// begin.
//
// A client is an IPv4 address or the /64 of an IPv6 address, which is what one host or household has. Clients
// of a unix socket all look alike and are local, so they count in total only. Clients are counted one by one
// only where that is limited, for each costs some hundred bytes while it has a session.
//
// Any thread. A lock is taken when a session begins and when it ends, never between. Outlives all places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/config.h"
#include "proxy/net/address.h"

namespace wskeep::relay {

class Admission {
 public:
  enum class Verdict : std::uint8_t {
    kAdmitted,
    kFull,          // limits.sessions
    kFullOfClient,  // limits.sessions_per_client
  };

  // What one session holds. A plain number, because there is one for each of very many.
  enum class PlaceId : std::uint32_t {};
  static constexpr PlaceId kNoPlace{UINT32_MAX};

  // The same, given back when it goes.
  class Place {
   public:
    Place() noexcept = default;
    Place(Place&& from) noexcept : admission_(from.admission_), id_(from.keep()) {}
    Place& operator=(Place&& from) noexcept {
      if (this != &from) {
        give_back();
        admission_ = from.admission_;
        id_ = from.keep();
      }
      return *this;
    }
    ~Place() { give_back(); }

    // Who calls this gives it back itself, by `leave`.
    PlaceId keep() noexcept { return std::exchange(id_, kNoPlace); }

   private:
    friend class Admission;
    Place(Admission& admission, PlaceId id) noexcept : admission_(&admission), id_(id) {}
    void give_back() noexcept {
      if (id_ != kNoPlace) admission_->leave(keep());
    }

    Admission* admission_ = nullptr;
    PlaceId id_ = kNoPlace;
  };

  struct Answer {
    Verdict verdict;
    Place place;  // if admitted
  };

  Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // Asks for a session of `client`. Throws std::bad_alloc, and then nothing has changed.
  Answer ask(const net::SocketAddress& client, const config::Limits& limits);
  // Gives a kept place back; kNoPlace is none.
  void leave(PlaceId place) noexcept;

  std::size_t sessions() const;
  std::size_t clients() const;  // that are counted one by one

 private:
  using ClientKey = std::uint64_t;
  // Clients choose their addresses, to some extent, and shall not choose who stands in one bucket.
  struct KeyHash {
    std::uint64_t secret;
    std::size_t operator()(ClientKey key) const noexcept;
  };
  struct Slot {
    ClientKey client;        // of a free one the index of the next
    std::uint32_t sessions;  // 0: free
  };
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;
  static constexpr PlaceId kNobodys{0};  // the slot of those that count in total only

  static std::optional<ClientKey> key_of(const net::SocketAddress& client) noexcept;
  std::uint32_t slot_of(ClientKey client);

  mutable std::mutex mutex_;
  std::size_t sessions_ = 0;
  std::vector<Slot> slots_;
  std::uint32_t first_free_ = kNoSlot;
  std::unordered_map<ClientKey, std::uint32_t, KeyHash> slot_of_client_;
};

}  // namespace wskeep::relay
