// World runs one scenario from its seed to its end and says whether every rule has held.
#pragma once

#include <memory>

#include "tests/simulation/loop.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/scenario.h"
#include "tests/unit/fake_conduit.h"

namespace wskeep::simulation {

struct Outcome {
  Verdict verdict;
  std::vector<std::string> trace;
  std::optional<observe::CloseReason> reason;
  std::size_t events = 0;
  nanoseconds lasted{};
};

class World {
 public:
  World(std::uint64_t seed, bool traced);
  ~World();

  Outcome run();

 private:
  void open();
  void befall(const Misfortune& misfortune);
  void run_until(TimePoint end);
  void bring_to_an_end();

  Dice dice_;
  Dice session_dice_;
  Timeline timeline_;
  Trace trace_;
  Verdict verdict_;
  Scenario scenario_;
  std::size_t events_ = 0;
  std::unique_ptr<observe::WorkerCounters> counters_ = std::make_unique<observe::WorkerCounters>();
  std::unique_ptr<relay::PongBatch> batch_ = std::make_unique<relay::PongBatch>();
  Bytes read_buffer_;
  test::FakeConduit conduit_;
  relay::Environment environment_;
  std::array<std::unique_ptr<Link>, observe::kLegs> links_;
  std::array<std::unique_ptr<Peer>, observe::kLegs> peers_;
  std::unique_ptr<Oracle> oracle_;
  std::unique_ptr<Loop> loop_;
  std::array<std::unique_ptr<net::Transport>, observe::kLegs> sockets_;
  std::unique_ptr<relay::Session> session_;
};

}  // namespace wskeep::simulation
