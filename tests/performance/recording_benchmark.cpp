// What recording costs: calls of a differentiated function whose program is known already, on tensors so
// small that the time is neither of arithmetic nor of compiling. Microseconds of a whole call by the number
// of operations, and what each further operation adds.
//
// recording_benchmark [--runs N]
#include "sinter/sinter.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

using namespace sinter;

namespace {

// A budget, so that a slower recorder is noticed: beyond it the benchmark fails.
constexpr double kMostPerOperation = 5, kMostPerCall = 100;

using Body = std::function<Tensor(const Tensor& x, const Tensor& weight, int operations)>;

struct Kind {
  const char* name;
  Body body;
};

const Kind kKinds[] = {{"tanh",
                        [](const Tensor& x, const Tensor&, int operations) {
                          Tensor y = x;
                          for (int i = 0; i < operations; ++i)
                            y = tanh(y);
                          return y;
                        }},
                       {"multiply by a captured tensor",
                        [](const Tensor& x, const Tensor& weight, int operations) {
                          Tensor y = x;
                          for (int i = 0; i < operations; ++i)
                            y = y * weight;
                          return y;
                        }},
                       {"multiply by a number",
                        [](const Tensor& x, const Tensor&, int operations) {
                          Tensor y = x;
                          for (int i = 0; i < operations; ++i)
                            y = y * 0.5;
                          return y;
                        }},
                       {"reshape", [](const Tensor& x, const Tensor&, int operations) {
                          Tensor y = x;
                          for (int i = 0; i < operations; ++i)
                            y = reshape(y, i % 2 == 0 ? Shape{2, 4} : Shape{8});
                          return reshape(y, {8});
                        }}};

template <class F>
double microseconds(int runs, F&& call) {
  double best = 1e30;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return best;
}

// Of a call of the gradient once its program is known.
double call_time(const Kind& kind, int operations, int runs) {
  const Tensor x = Tensor::uniform({8}, 1), weight = Tensor::uniform({8}, 2);
  const auto gradient = grad([&](Tensor x) { return sum(kind.body(x, weight, operations)); });
  gradient(x);
  return microseconds(runs, [&] { gradient(x); });
}

bool measure(const Kind& kind, int runs) {
  constexpr int kFewest = 10, kMore = 100, kMost = 300;
  const double shortest = call_time(kind, kFewest, runs);
  std::printf("%-30s %4d operations: %6.1f us a call", kind.name, kFewest, shortest);
  bool within = shortest <= kMostPerCall + kMostPerOperation * kFewest;
  for (const int operations : {kMore, kMost}) {
    const double time = call_time(kind, operations, runs);
    const double each = (time - shortest) / (operations - kFewest);
    std::printf("; %d: %6.1f us, %.2f us for each more", operations, time, each);
    within = within && each <= kMostPerOperation;
  }
  std::printf("\n");
  return within;
}

} // namespace

int main(int argc, char** argv) {
  int runs = 200;
  for (int i = 1; i + 1 < argc; ++i)
    if (!std::strcmp(argv[i], "--runs"))
      runs = std::max(1, std::atoi(argv[++i]));
  try {
    bool within = true;
    for (const Kind& kind : kKinds)
      within = measure(kind, runs) && within;
    std::printf("%s %.0f us a call and %.0f us an operation\n", within ? "within" : "MORE THAN", kMostPerCall,
                kMostPerOperation);
    return within ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "recording_benchmark: %s\n", error.what());
    return 1;
  }
}
