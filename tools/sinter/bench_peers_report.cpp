// Other engines' figures as a table and as JSON.
#include "bench.h"

#include <fmt/format.h>

namespace sinter::tool {

namespace {

/// How many times as fast the fused program is.
double ratio(const Measurement& m, const PeerRow& peer) {
  return m.fused.min_ms() > 0 ? peer.min_ms() / m.fused.min_ms() : 0;
}

/// "1.42 times as fast as onnxruntime", or what that means the other way round.
std::string verdict(const Measurement& m, const PeerRow& peer) {
  return fmt::format("fused is {:.2f} times as fast as {}", ratio(m, peer), peer.name);
}

const PeerRow* best(const Measurement& m) {
  const PeerRow* found = nullptr;
  for (const PeerRow& peer : m.peers)
    if (!peer.run_ms.empty() && (found == nullptr || peer.min_ms() < found->min_ms()))
      found = &peer;
  return found;
}

} // namespace

std::string peers_text(const Measurement& m) {
  if (m.peers.empty())
    return "";
  std::string text = fmt::format("\n  {:<24}{:>16}{:>16}{:>22}\n", "other engines", "fastest run, ms",
                                 "median run, ms", "largest difference");
  for (const PeerRow& peer : m.peers) {
    const std::string title = fmt::format("{} {}", peer.name, peer.version);
    if (!peer.unsupported.empty())
      text += fmt::format("  {:<24}does not support {}\n", title, peer.unsupported);
    else
      text += fmt::format("  {:<24}{:>16.3f}{:>16.3f}{:>22.3g}   {}\n", title, peer.min_ms(),
                          peer.median_ms(), peer.largest_difference, verdict(m, peer));
    if (!peer.settings.empty())
      text += fmt::format("    {}\n", peer.settings);
    if (peer.restless)
      text += fmt::format("  {}'s threads went on after its runs and may have slowed the others down\n",
                          peer.name);
  }
  if (const PeerRow* peer = best(m))
    text += fmt::format("  the best of them: {}\n", verdict(m, *peer));
  return text;
}

std::string peers_json(const Measurement& m) {
  if (m.peers.empty())
    return "";
  std::string text;
  for (const PeerRow& peer : m.peers) {
    text += fmt::format(R"({}  {{"name": {}, "version": {}, "settings": {}, )", text.empty() ? "\n" : ",\n",
                        json_text(peer.name), json_text(peer.version), json_text(peer.settings));
    if (!peer.unsupported.empty())
      text += fmt::format(R"("unsupported": {}}})", json_text(peer.unsupported));
    else
      text += fmt::format(
          R"("min_ms": {}, "median_ms": {}, "ratio": {}, "max_abs_difference": {}, "restless": {}}})",
          json_number(peer.min_ms()), json_number(peer.median_ms()), json_number(ratio(m, peer)),
          json_number(peer.largest_difference), peer.restless);
  }
  return ",\n \"peers\": [" + text + "\n ]";
}

} // namespace sinter::tool
