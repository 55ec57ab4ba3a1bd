// An ahead-of-time library against the same model compiled at run time, in turns; and how soon a process that
// loads it has its first result.
//
//   library_benchmark MODEL.onnx SHAPE [THREADS]      SHAPE: 1x3x224x224, of the only input
#include "sinter/aot.h"
#include "sinter/onnx.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace sinter;
using Clock = std::chrono::steady_clock;

double milliseconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Shape parse_shape(const char* text) {
  Shape shape;
  for (char* at = const_cast<char*>(text); *at != '\0'; at += *at == 'x') // NOLINT
    shape.push_back(std::strtoll(at, &at, 10));
  return shape;
}

// What a process that has just begun does: with the file's pages in the system's cache.
int print_first_result(const char* library, const char* shape, int threads) {
  const Tensor x = Tensor::uniform(parse_shape(shape), 1);
  std::vector<Tensor> outputs;
  const double load = milliseconds_of([&] { outputs = aot::Model::load(library, threads).run({x}); });
  std::printf("load to first result: %.1f ms\n", load);
  return 0;
}

void compare(Model& model, const aot::Model& library, const Tensor& x) {
  constexpr int kRuns = 40;
  std::vector<double> compiled, loaded;
  for (int run = 0; run < kRuns; ++run) {
    compiled.push_back(milliseconds_of([&] { model.run({x}); }));
    loaded.push_back(milliseconds_of([&] { library.run({x}); }));
  }
  std::sort(compiled.begin(), compiled.end());
  std::sort(loaded.begin(), loaded.end());
  const auto median = [](const std::vector<double>& times) { return times[times.size() / 2]; };
  std::printf("compiled at run time: %.2f ms (median %.2f)\n", compiled.front(), median(compiled));
  std::printf("library: %.2f ms (median %.2f)\n", loaded.front(), median(loaded));
  std::printf("library / compiled: %.3f (medians %.3f)\n", loaded.front() / compiled.front(),
              median(loaded) / median(compiled));
}

} // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  if (argc == 5 && arguments[1] == "--first")
    return print_first_result(argv[2], argv[3], std::atoi(argv[4]));
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: library_benchmark MODEL.onnx SHAPE [THREADS]\n");
    return 2;
  }
  const int threads = argc == 4 ? std::atoi(argv[3]) : 1;
  const auto folder = std::filesystem::temp_directory_path() /
                      ("sinter-library-" + std::to_string(Clock::now().time_since_epoch().count()));
  std::filesystem::create_directory(folder);
  Model model = Model::load(arguments[1], {.threads = threads});
  const Tensor x = Tensor::uniform(parse_shape(argv[2]), 1);
  const auto report = model.compile_library((folder / "libmodel.so").string(), {x.shape()});
  std::printf("%s: %.1f MB of weights, %.2f MB of everything else, %llu kernels\n", arguments[1].c_str(),
              static_cast<double>(report.weights_bytes) / 1e6,
              static_cast<double>(report.library_bytes - report.weights_bytes) / 1e6,
              static_cast<unsigned long long>(report.kernels));
  for (int i = 0; i < 3; ++i) {
    std::fflush(stdout);
    const std::string command =
        "'" + arguments[0] + "' --first '" + report.library + "' " + argv[2] + " " + std::to_string(threads);
    if (std::system(command.c_str()) != 0)
      return 1;
  }
  compare(model, aot::Model::load(report.library, threads), x);
  std::filesystem::remove_all(folder);
  return 0;
}
