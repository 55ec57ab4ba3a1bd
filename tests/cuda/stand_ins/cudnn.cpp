// In the place of libcudnn.so.9: descriptors, which are checked as the documentation says, heuristics that
// suggest engines of every kind, and plans, which run on the processor in the memory of the stand-in for the
// driver.
//
// STAND_IN_CUDNN_FAILS: if set, no plan runs.
#include "cudnn.h"

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>

using namespace stand_in;

namespace {

constexpr int kBadParameter = 2000, kNotSupported = 3000;
constexpr int64_t kWorkspace = 4096;

struct Handle {
  void* stream = nullptr;
};

// What an attribute takes: values of which type, descriptors of which types, how many; whether it must be
// set.
struct Rule {
  int type;
  int64_t most = 1;
  bool required = true;
  std::set<int> of = {};
};

constexpr int kData = 1, kBoolean = 2, kInt64 = 3, kFloat = 4, kDouble = 5, kPointer = 6, kDescriptor = 15;

const std::map<int, std::map<int, Rule>>& rules() {
  static const std::set<int> tensors{kTensor};
  auto operation = [](int alpha, int first) {
    return std::map<int, Rule>{{alpha, {kFloat}},
                               {alpha + 1, {kFloat}},
                               {first, {kDescriptor, 1, true, {kConvolution}}},
                               {first + 1, {kDescriptor, 1, true, tensors}},
                               {first + 2, {kDescriptor, 1, true, tensors}},
                               {first + 3, {kDescriptor, 1, true, tensors}}};
  };
  static const std::map<int, std::map<int, Rule>> all{
      {kTensor,
       {{900, {kInt64}},
        {901, {kData}},
        {902, {kInt64, 8}},
        {903, {kInt64, 8}},
        {906, {kInt64}},
        {907, {kBoolean, 1, false}},
        {908, {kBoolean, 1, false}}}},
      {kPointwise,
       {{0, {14}},
        {1, {kData}},
        {3, {kDouble, 1, false}},
        {4, {kDouble, 1, false}},
        {5, {kDouble, 1, false}},
        {6, {kDouble, 1, false}},
        {7, {kDouble, 1, false}},
        {8, {kDouble, 1, false}}}},
      {kConvolution,
       {{100, {kData}},
        {101, {7}},
        {102, {kInt64, 6}},
        {103, {kInt64, 6}},
        {104, {kInt64, 6}},
        {105, {kInt64, 6}},
        {106, {kInt64}}}},
      {kForward, operation(700, 702)},
      {kBackwardData, operation(706, 708)},
      {kBackwardFilter, operation(712, 714)},
      {kPointwiseOperation,
       {{750, {kDescriptor, 1, true, {kPointwise}}},
        {751, {kDescriptor, 1, true, tensors}},
        {752, {kDescriptor, 1, false, tensors}},
        {753, {kDescriptor, 1, true, tensors}}}},
      {kGraph,
       {{801, {kDescriptor, 64, true, {kForward, kBackwardData, kBackwardFilter, kPointwiseOperation}}}}},
      {kHeuristics,
       {{200, {8}}, {201, {kDescriptor, 1, true, {kGraph}}}, {204, {kDescriptor, 1, true, {kProperties}}}}},
      {kPlan, {{401, {kDescriptor, 1, true, {kConfig}}}, {407, {kDescriptor, 1, true, {kProperties}}}}},
      {kPack, {{1000, {kInt64, 64}}, {1001, {kPointer, 64}}, {1003, {kPointer}}}},
      {kProperties, {{2701, {0}}}},
      {kEngine, {}},
      {kConfig, {}}};
  return all;
}

// Engines that Sinter must not take come first: one that gives other bits each time, one that says it can and
// cannot. Then one that drops bits of f32.
struct Engine {
  int note; // -1: none
  bool can;
};
constexpr Engine kEngines[] = {{4, true}, {-1, false}, {0, true}, {-1, true}, {-1, true}};
constexpr int kPlain = 3;

std::mutex mutex;
std::set<const Descriptor*> alive;
std::map<const Descriptor*, const Descriptor*> graph_of; // of configurations
thread_local std::string last_error;

int fail(int status, const char* why) {
  last_error = why;
  return status;
}

bool is_alive(const Descriptor* descriptor) {
  const std::lock_guard lock(mutex);
  return alive.contains(descriptor);
}

} // namespace

uint64_t stand_in::bytes_of(int type) {
  switch (type) {
  case kData:
  case 7:
  case 8:
  case 11:
  case 14:
  case kFloat:
    return 4;
  case kBoolean:
    return 1;
  case 0:
  case kInt64:
  case kDouble:
  case kPointer:
  case kDescriptor:
    return 8;
  default:
    return 0;
  }
}

EXPORT std::size_t cudnnGetVersion() {
  return 91900;
}
EXPORT int cudnnCreate(Handle** handle) {
  is_entered();
  *handle = new Handle;
  return 0;
}
EXPORT int cudnnSetStream(Handle* handle, void* stream) {
  handle->stream = stream;
  return 0;
}
EXPORT const char* cudnnGetErrorString(int status) {
  return status == kNotSupported ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_BAD_PARAM";
}
EXPORT void cudnnGetLastErrorString(char* text, std::size_t size) {
  std::snprintf(text, size, "%s", last_error.c_str());
}

EXPORT int cudnnBackendCreateDescriptor(int type, Descriptor** made) {
  expect(rules().contains(type), "cudnn: a descriptor of an unknown type");
  *made = new Descriptor{type};
  const std::lock_guard lock(mutex);
  alive.insert(*made);
  return 0;
}
EXPORT int cudnnBackendDestroyDescriptor(Descriptor* descriptor) {
  const std::lock_guard lock(mutex);
  expect(alive.erase(descriptor) == 1, "cudnn: a descriptor that is not there is destroyed");
  delete descriptor;
  return 0;
}

EXPORT int cudnnBackendSetAttribute(Descriptor* descriptor, int attribute, int type, int64_t count,
                                    const void* values) {
  expect(is_alive(descriptor) && !descriptor->is_final, "cudnn: attributes of no or a finished descriptor");
  const auto& allowed = rules().at(descriptor->type);
  const auto rule = allowed.find(attribute);
  if (rule == allowed.end())
    return fail(kBadParameter, "unknown attribute");
  if (type != rule->second.type || count < 1 || count > rule->second.most || !values)
    return fail(kBadParameter, "attribute of another type or number");
  const auto* bytes = static_cast<const char*>(values);
  if (type == kDescriptor)
    for (int64_t i = 0; i < count; ++i) {
      const auto* other = static_cast<Descriptor* const*>(values)[i];
      if (!is_alive(other) || !rule->second.of.contains(other->type))
        return fail(kBadParameter, "a descriptor of another type");
      if (!other->is_final && other->type != kConfig)
        return fail(kBadParameter, "a descriptor that is not finalized");
    }
  descriptor->attributes[attribute] = {type, {bytes, bytes + bytes_of(type) * static_cast<uint64_t>(count)}};
  return 0;
}

EXPORT int cudnnBackendFinalize(Descriptor* descriptor) {
  expect(is_alive(descriptor) && !descriptor->is_final, "cudnn: no or a finished descriptor is finished");
  for (const auto& [attribute, rule] : rules().at(descriptor->type))
    if (rule.required && !descriptor->has(attribute))
      return fail(kBadParameter, ("attribute " + std::to_string(attribute) + " is missing").c_str());
  if (const char* why = contradiction(*descriptor))
    return fail(kBadParameter, why);
  if (descriptor->type == kPlan) {
    is_entered();
    if (!kEngines[descriptor->at(401).engine].can)
      return fail(kNotSupported, "not by this engine");
  }
  descriptor->is_final = true;
  return 0;
}

namespace {

int suggest(const Descriptor& heuristics, int64_t room, int64_t* count, Descriptor** configs) {
  std::vector<int> engines{kPlain};
  if (heuristics.one<int>(200) == 3)
    engines = {0, 1, 2, kPlain, kPlain + 1};
  *count = std::min<int64_t>(room, static_cast<int64_t>(engines.size()));
  for (int64_t i = 0; i < *count; ++i) {
    expect(is_alive(configs[i]) && configs[i]->type == kConfig, "cudnn: no configuration to fill");
    configs[i]->engine = engines[static_cast<std::size_t>(i)];
    const std::lock_guard lock(mutex);
    graph_of[configs[i]] = &heuristics.at(201);
  }
  return 0;
}

} // namespace

EXPORT int cudnnBackendGetAttribute(Descriptor* descriptor, int attribute, int type, int64_t room,
                                    int64_t* count, void* values) {
  expect(is_alive(descriptor), "cudnn: attributes of no descriptor");
  if (descriptor->type == kHeuristics && attribute == 202 && type == kDescriptor && descriptor->is_final)
    return suggest(*descriptor, room, count, static_cast<Descriptor**>(values));
  if (descriptor->type == kConfig && attribute == 300 && type == kDescriptor && descriptor->engine >= 0) {
    auto* engine = *static_cast<Descriptor**>(values);
    expect(is_alive(engine) && engine->type == kEngine, "cudnn: no engine to fill");
    engine->engine = descriptor->engine;
    *count = 1;
    return 0;
  }
  if (descriptor->type == kEngine && attribute == 1303 && type == 11 && descriptor->engine >= 0) {
    const int note = kEngines[descriptor->engine].note;
    *count = note < 0 ? 0 : 1;
    if (note >= 0 && room > 0)
      *static_cast<int*>(values) = note;
    return 0;
  }
  if (descriptor->type == kPlan && attribute == 402 && type == kInt64 && descriptor->is_final) {
    *count = 1;
    *static_cast<int64_t*>(values) = descriptor->at(401).engine == kPlain ? kWorkspace : 0;
    return 0;
  }
  return fail(kBadParameter, "an attribute that cannot be read");
}

EXPORT int cudnnBackendExecute(Handle* handle, Descriptor* plan, Descriptor* pack) {
  is_entered();
  expect(handle && handle->stream, "cudnn: no stream");
  expect(is_alive(plan) && plan->type == kPlan && plan->is_final, "cudnn: no plan");
  expect(is_alive(pack) && pack->type == kPack && pack->is_final, "cudnn: no variant pack");
  const Engine& engine = kEngines[plan->at(401).engine];
  expect(engine.note != 4, "cudnn: an engine that gives different bits");
  if (std::getenv("STAND_IN_CUDNN_FAILS"))
    return fail(kNotSupported, "not today");
  if (plan->at(401).engine == kPlain)
    stand_in::give(handle->stream, [workspace = host(pack->one<void*>(1003), kWorkspace)] {
      std::memset(workspace, 0x77, kWorkspace);
    });
  const Descriptor* graph = nullptr;
  {
    const std::lock_guard lock(mutex);
    graph = graph_of.at(&plan->at(401));
  }
  stand_in::give(handle->stream, [graph, pack = *pack, tf32 = engine.note == 0] { run(*graph, pack, tf32); });
  return 0;
}
