// Metrics shows what the workers have counted as Prometheus families.
//
// It counts nothing itself: the workers' shards are added up when somebody collects, so a scrape costs a few
// thousand relaxed loads and the data path nothing. Every series exists from the start, at 0. The shards are
// fixed at construction and must outlive it. Any thread may collect at any time.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <utility>
#include <vector>

#include "proxy/observe/counters.h"

namespace wskeep::observe {

class Metrics final : public prometheus::Collectable {
 public:
  // One shard a worker, in the order of the `worker` label (0, 1, ...). `others` are added up with them but
  // are no workers of their own.
  explicit Metrics(std::vector<const WorkerCounters*> workers, std::vector<const WorkerCounters*> others = {})
      : workers_(workers), all_(std::move(workers)) {
    all_.insert(all_.end(), others.begin(), others.end());
  }

  // The aggregate families. A gauge is never negative, though workers are read one after the other and a
  // session that moves on meanwhile may be seen to leave where it wasn't seen to arrive.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::vector<const WorkerCounters*> workers_;
  std::vector<const WorkerCounters*> all_;
};

}  // namespace wskeep::observe
