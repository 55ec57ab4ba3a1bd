// Other inference engines that sinter bench measures in turns with its own programs.
#pragma once

#include "bench.h"
#include "child_process.h"

#include "sinter/tensor.h"

#include <memory>

namespace sinter::tool {

/// The engines that tools/bench_peer.py knows.
const std::vector<std::string>& peer_names();

struct PeerOptions {
  std::vector<std::string> names;
  std::string python; ///< "": that of tools/setup_peers.sh
  int patience = 600; ///< seconds to wait for any answer
};

/// Throws Error if a name is given twice or there is no Python to run: before long work, not after it.
void check_peers(const PeerOptions& options);

/// An engine in a process of its own, with the model loaded.
class Peer {
public:
  /// Starts the engine, has it load `model` and run it on `inputs`, and compares what comes out with
  /// `outputs`. Throws Error if the engine is not installed, ends, hangs, or answers nonsense.
  Peer(const std::string& name, const PeerOptions& options, const std::string& model, int threads,
       const std::vector<Tensor>& inputs, const std::vector<std::pair<std::string, Tensor>>& outputs);

  /// Runs the model twice; the milliseconds of the second run. Returns when the engine's threads sleep.
  double run();
  /// What is known about it; an engine that does not support the model is not run.
  PeerRow& row() { return row_; }
  bool supported() const { return row_.unsupported.empty(); }

private:
  void load(const std::string& folder, const std::string& model, int threads,
            const std::vector<std::pair<std::string, Tensor>>& outputs);
  void hold_against(const std::string& file, const std::string& name, const Tensor& ours);
  std::string answer();
  [[noreturn]] void fail(const std::string& what) const;
  void settle();

  PeerRow row_;
  std::string python_;
  std::chrono::duration<double> patience_;
  std::unique_ptr<ChildProcess> process_;
};

} // namespace sinter::tool
