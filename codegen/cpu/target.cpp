// Which processor kernels are generated for: the one this runs on, or a microarchitecture level by name.
#include "codegen/cpu/target.h"

#include "sinter/runtime/error.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>
#include <unistd.h>
#include <vector>

namespace sinter::codegen::cpu {
namespace {

using Features = llvm::StringMap<bool>;

struct Level {
  std::string_view name;
  std::initializer_list<llvm::StringRef> needs; // beyond the level before
};

const std::array<Level, 4>& levels() {
  static const std::array<Level, 4> table{{
      {"x86-64", {}},
      {"x86-64-v2", {"cx16", "popcnt", "sahf", "sse3", "ssse3", "sse4.1", "sse4.2"}},
      {"x86-64-v3", {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}},
      {"x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}},
  }};
  return table;
}

bool has(const Features& features, llvm::StringRef name) {
  const auto found = features.find(name);
  return found != features.end() && found->second;
}

bool hasAll(const Features& features, std::initializer_list<llvm::StringRef> names) {
  for (llvm::StringRef name : names)
    if (!has(features, name))
      return false;
  return true;
}

void chooseVectors(Target& target, const Features& features) {
  target.fma = has(features, "fma");
  if (target.fma && hasAll(features, {"avx512f", "avx512vl", "avx512dq", "avx512bw"})) {
    target.vectorBytes = 64;
    target.registers = 32;
  } else if (target.fma && has(features, "avx2")) {
    target.vectorBytes = 32;
  }
  target.widestBytes = target.vectorBytes;
}

// The machine that compiles is the best guess for the one that runs.
void measureCaches(Target& target) {
#ifdef _SC_LEVEL1_DCACHE_SIZE
  if (const long bytes = sysconf(_SC_LEVEL1_DCACHE_SIZE); bytes > 0)
    target.l1Bytes = bytes;
  if (const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0)
    target.l2Bytes = bytes;
#endif
}

Target nativeTarget() {
  Target target;
  target.triple = llvm::sys::getDefaultTargetTriple();
  target.cpu = llvm::sys::getHostCPUName().str();
  const Features features = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> sorted; // the string is part of the kernel cache's key: no hash order in it
  for (const auto& feature : features)
    sorted.push_back((feature.second ? "+" : "-") + feature.first().str());
  std::sort(sorted.begin(), sorted.end());
  for (const std::string& feature : sorted)
    target.features += (target.features.empty() ? "" : ",") + feature;
  chooseVectors(target, features);
  measureCaches(target);
  return target;
}

bool isLevel(std::string_view name) {
  const auto& known = levels();
  return std::any_of(known.begin(), known.end(), [&](const Level& level) { return level.name == name; });
}

Target levelTarget(std::string_view name) {
  Features features;
  for (const Level& level : levels()) {
    for (llvm::StringRef needed : level.needs)
      features[needed] = true;
    if (level.name == name)
      break;
  }
  Target target;
  target.triple = "x86_64-unknown-linux-gnu";
  target.cpu = std::string(name);
  chooseVectors(target, features);
  return target;
}

void checkRuns(std::string_view name) {
  const Features host = llvm::sys::getHostCPUFeatures();
  for (const Level& level : levels()) {
    for (llvm::StringRef needed : level.needs)
      if (!has(host, needed))
        throw Error("this machine cannot run code for " + std::string(name) + ": it lacks " + needed.str());
    if (level.name == name)
      return;
  }
}

// The highest that this machine can run.
std::string_view hostLevel() {
  const Features host = llvm::sys::getHostCPUFeatures();
  std::string_view reached = levels().front().name;
  for (const Level& level : levels()) {
    if (!hasAll(host, level.needs))
      break;
    reached = level.name;
  }
  return reached;
}

// Every processor of the architecture has 32 vector registers of 16 bytes, and fused multiply-adds.
Target aarch64Target() {
  Target target;
  target.triple = "aarch64-unknown-linux-gnu";
  target.cpu = "generic";
  target.features = "+neon";
  target.registers = 32;
  target.fma = true;
  return target;
}

} // namespace

Target Target::named(std::string_view name) {
  if (name == "native")
    return nativeTarget();
  if (!isLevel(name))
    throw Error("unknown processor \"" + std::string(name) +
                "\": use native, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4");
  checkRuns(name);
  Target target = levelTarget(name);
  measureCaches(target);
  return target;
}

Target Target::ofLibrary(std::string_view name) {
  if (name == "native") {
    Target target = levelTarget(hostLevel());
    measureCaches(target);
    return target;
  }
  if (name == "aarch64")
    return aarch64Target();
  if (!isLevel(name))
    throw Error("unknown target \"" + std::string(name) +
                "\": use native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4 or aarch64");
  return levelTarget(name);
}

int Target::level() const {
  if (!isX86())
    return 0;
  if (!isLevel(cpu))
    throw Error("the processor " + cpu + " is no level of x86-64", ErrorKind::internal);
  return cpu == "x86-64" ? 1 : cpu.back() - '0';
}

const Target& Target::host() {
  static const Target target = [] {
    const char* name = std::getenv("SINTER_CPU");
    return named(name && *name ? name : "native");
  }();
  return target;
}

} // namespace sinter::codegen::cpu
