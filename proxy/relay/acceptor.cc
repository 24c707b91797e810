#include "proxy/relay/acceptor.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "proxy/observe/log.h"

namespace wskeep::relay {
namespace {

constexpr unsigned kLooksForMore = 8;  // once in so many turns, while there were none
constexpr std::chrono::milliseconds kPause{100};

// What the kernel says when there are no resources for one more connection; all else is about one client.
bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(event_base* base, std::vector<Door> doors, std::uint32_t most_per_turn,
                   observe::WorkerCounters& counters, Take take)
    : most_per_turn_(most_per_turn), counters_(counters), take_(std::move(take)) {
  const auto on_resume = [](int, short, void* self) { static_cast<Acceptor*>(self)->resume(); };
  resume_event_.make_timer(base, on_resume, this);
  const auto on_ready = [](int, short, void* self) {
    auto* const ready = static_cast<Listener*>(self);
    ready->acceptor->accept_from(*ready);
  };
  for (Door& door : doors) {
    auto listener = std::make_unique<Listener>();
    listener->acceptor = this;
    listener->door = std::move(door);
    if (!listener->event.watch(base, listener->door.socket.get(), EV_READ | EV_PERSIST, on_ready,
                               listener.get())) {
      throw std::bad_alloc();
    }
    listeners_.push_back(std::move(listener));
  }
}

void Acceptor::accept_from(Listener& listener) noexcept {
  const bool looks_for_more = listener.crowded || ++listener.turns % kLooksForMore == 0;
  const std::uint32_t most = looks_for_more ? most_per_turn_ : 1;
  std::uint32_t accepted = 0;
  while (accepted < most && accept_one_from(listener)) ++accepted;
  if (accepted == most_per_turn_) counters_.limits_hit[observe::Limit::kAcceptsPerWakeup].add();
  listener.crowded = accepted > 1;
}

// False when there is no other now.
bool Acceptor::accept_one_from(const Listener& listener) noexcept {
  net::Accepted client = net::accept_one(listener.door.socket.get());
  if (client.error == EAGAIN) return false;
  if (out_of_resources(client.error)) {
    pause(client.error);
    return false;
  }
  if (client.error != 0) return true;  // this one client was gone before it was accepted
  client.listener = listener.door.listener;
  try {
    take_(std::move(client));
    return true;
  } catch (const std::exception&) {
    pause(ENOMEM);
    return false;
  }
}

// A listener that is always ready and can't accept would spin, so it rests until something may have closed.
void Acceptor::pause(int error) noexcept {
  counters_.limits_hit[observe::Limit::kDescriptors].add();
  for (const auto& listener : listeners_) listener->event.pause();
  resume_event_.run_after(kPause);
  const auto now = std::chrono::steady_clock::now();
  if (now - last_pause_logged_ < std::chrono::seconds(1)) return;
  last_pause_logged_ = now;
  observe::log::warning("accepting paused", {{"why", std::string_view(std::strerror(error))}});
}

void Acceptor::resume() noexcept {
  for (const auto& listener : listeners_) listener->event.resume();
}

}  // namespace wskeep::relay
