#include "proxy/net/resolver.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include "proxy/net/block_signals.h"
#include "proxy/net/lookup_schedule.h"

namespace wskeep::net {

struct Resolver::Shared {
  struct Followed {
    std::string host;
    std::uint16_t port;
    LookupSchedule schedule;
    Tell tell;
  };

  explicit Shared(Lookup the_lookup) : lookup(std::move(the_lookup)) {}

  const Lookup lookup;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Followed> names;  // which stay where they are when others come
  bool stopped = false;
  bool looking_up = false;
};

Resolver::Resolver(Lookup lookup) : shared_(std::make_shared<Shared>(std::move(lookup))) {}

Resolver::~Resolver() {
  if (!thread_.joinable()) return;
  bool hangs;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    hangs = shared_->looking_up;
  }
  shared_->changed.notify_one();
  if (hangs) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

Resolver::Name Resolver::follow(std::string host, std::uint16_t port, std::chrono::milliseconds refresh,
                                Tell tell) {
  Name name;
  {
    const std::lock_guard lock(shared_->mutex);
    name = shared_->names.size();
    shared_->names.push_back({std::move(host), port, LookupSchedule(refresh), std::move(tell)});
  }
  if (!thread_.joinable()) thread_ = std::thread([shared = shared_] { run(shared); });
  shared_->changed.notify_one();
  return name;
}

void Resolver::ask_again(Name name) noexcept {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->names[name].schedule.ask();
  }
  shared_->changed.notify_one();
}

void Resolver::run(const std::shared_ptr<Shared>& shared) noexcept {
  block_signals();
  std::unique_lock lock(shared->mutex);
  while (!shared->stopped) {
    const auto next =
        std::min_element(shared->names.begin(), shared->names.end(),
                         [](const auto& a, const auto& b) { return a.schedule.due() < b.schedule.due(); });
    const LookupSchedule::TimePoint due = next->schedule.due();
    if (due == LookupSchedule::TimePoint::max()) {
      shared->changed.wait(lock);
      continue;
    }
    if (due > std::chrono::steady_clock::now()) {
      shared->changed.wait_until(lock, due);
      continue;
    }
    Addresses found;
    std::string fault;
    shared->looking_up = true;
    lock.unlock();
    try {
      found = shared->lookup(next->host, next->port);
    } catch (const std::exception& error) {
      fault = error.what();
    }
    lock.lock();
    shared->looking_up = false;
    if (shared->stopped) return;
    next->schedule.looked_up(std::chrono::steady_clock::now());
    next->tell(std::move(found), fault);
  }
}

}  // namespace wskeep::net
