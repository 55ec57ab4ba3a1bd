// Which of cuDNN's engines run a graph.
#include "cuda/operation_graph.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <array>
#include <optional>

namespace sinter::rt::cuda::cudnn {
namespace {

constexpr std::size_t kMostCandidates = 24;              // of each of the heuristics
constexpr uint64_t kMostWorkspace = uint64_t{512} << 20; // bytes

// Empty descriptors that the library fills.
std::vector<Descriptor> suggestions(const Cudnn& api, const OperationGraph& graph,
                                    const Descriptor& properties, HeuristicsMode mode) {
  Descriptor heuristics(api, DescriptorType::engine_heuristics);
  heuristics.set(Attribute::heuristics_graph, graph.graph);
  heuristics.set(Attribute::heuristics_mode, Type::heuristics_mode, mode);
  heuristics.set(Attribute::heuristics_device_properties, properties);
  std::vector<Descriptor> configs;
  if (!heuristics.try_finalize()) // it has nothing to say of such a graph
    return configs;
  std::vector<RawDescriptor> raw;
  for (std::size_t i = 0; i < kMostCandidates; ++i)
    raw.push_back(configs.emplace_back(api, DescriptorType::engine_config).raw());
  const int64_t count =
      heuristics.get(Attribute::heuristics_results, Type::descriptor, std::span<RawDescriptor>(raw));
  configs.resize(std::min(static_cast<std::size_t>(count), kMostCandidates));
  return configs;
}

bool is_allowed(NumericalNote note, const FusedConvolution& problem) {
  switch (note) {
  case NumericalNote::nondeterministic:
  case NumericalNote::reduced_precision_reduction:
  case NumericalNote::down_converts_inputs:
    return false;
  case NumericalNote::tensor_core:
    return problem.tf32 || problem.first.dtype != DType::f32;
  case NumericalNote::fft:
  case NumericalNote::winograd:
  case NumericalNote::winograd_4x4:
    return !problem.precise;
  case NumericalNote::winograd_6x6:
  case NumericalNote::winograd_13x13:
    return !problem.precise && problem.first.dtype == DType::f32; // which loses many bits
  }
  return true;
}

bool is_welcome(const Cudnn& api, const Descriptor& config, const FusedConvolution& problem) {
  Descriptor engine(api, DescriptorType::engine);
  std::array<RawDescriptor, 1> raw{engine.raw()};
  config.get(Attribute::config_engine, Type::descriptor, std::span<RawDescriptor>(raw));
  std::array<NumericalNote, 32> notes{};
  const auto count = static_cast<std::size_t>(
      engine.get(Attribute::engine_numerical_notes, Type::numerical_note, std::span<NumericalNote>(notes)));
  return std::ranges::all_of(std::span(notes).first(std::min(count, notes.size())),
                             [&](NumericalNote note) { return is_allowed(note, problem); });
}

// Nothing if the engine was suggested, but cannot do it.
std::optional<Plan> finished(const Cudnn& api, Descriptor config, const Descriptor& properties) {
  Plan made{std::move(config), Descriptor(api, DescriptorType::execution_plan)};
  made.plan.set(Attribute::plan_config, made.config);
  made.plan.set(Attribute::plan_device_properties, properties);
  if (!made.plan.try_finalize()) // compiles what is compiled at run time
    return std::nullopt;
  std::array<int64_t, 1> bytes{};
  made.plan.get(Attribute::plan_workspace_bytes, Type::int64, std::span<int64_t>(bytes));
  made.workspace_bytes = static_cast<uint64_t>(bytes[0]);
  return made;
}

} // namespace

std::vector<Plan> make_plans(const Cudnn& api, const OperationGraph& graph, const Descriptor& properties,
                             const FusedConvolution& problem, std::size_t count) {
  std::vector<Plan> plans;
  std::optional<Error> failure; // the first; another engine, or what the other heuristics say, may do
  const auto attempt = [&](const auto& body) {
    try {
      body();
    } catch (const Error& error) {
      failure = failure.value_or(error);
    }
  };
  for (const HeuristicsMode mode : {HeuristicsMode::a, HeuristicsMode::fallback}) {
    std::vector<Descriptor> configs;
    attempt([&] { configs = suggestions(api, graph, properties, mode); });
    for (Descriptor& config : configs) {
      if (plans.size() == count)
        return plans;
      attempt([&] {
        if (!is_welcome(api, config, problem))
          return;
        auto plan = finished(api, std::move(config), properties);
        if (plan && plan->workspace_bytes <= kMostWorkspace)
          plans.push_back(std::move(*plan));
      });
    }
    if (!plans.empty())
      break;
  }
  if (plans.empty() && failure)
    throw *failure;
  return plans;
}

} // namespace sinter::rt::cuda::cudnn
