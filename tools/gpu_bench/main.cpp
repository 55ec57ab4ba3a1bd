// Measures Sinter's side of tools/gpu_bench/compare.py: whole networks, and operations that move memory.
//
//     sinter_gpu_bench make resnet50|bert|elements FILE [--size full|tiny]
//     sinter_gpu_bench run NETWORK FILE [--batch N] [--device cpu|cuda] [--precision f32|tf32|f16|bf16]
//     [--no-fuse]
//                          [--seconds S] [--output FILE] [--kernels N]
//     sinter_gpu_bench device [DEVICE]
//
// `device` prints which one it is, or why there is none. `run` prints a line of JSON. With --output it writes
// what the network computes, with --kernels it lists the slowest kernels.
#include "inputs.h"
#include "measure.h"
#include "placement.h"
#include "workload.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string_view>

using namespace sinter;
using namespace sinter::bench;

namespace {

// The command line from `at` on: options are taken out of it one by one.
class Arguments {
public:
  Arguments(int count, char** values) : values_(values + 1, values + count) {}

  std::string positional(const std::string& what) {
    if (values_.empty() || values_.front().starts_with("--"))
      throw Error("expected " + what);
    std::string value = values_.front();
    values_.erase(values_.begin());
    return value;
  }
  bool flag(const std::string& name) {
    const auto found = std::find(values_.begin(), values_.end(), name);
    if (found == values_.end())
      return false;
    values_.erase(found);
    return true;
  }
  std::optional<std::string> option(const std::string& name) {
    const auto found = std::find(values_.begin(), values_.end(), name);
    if (found == values_.end())
      return std::nullopt;
    if (std::next(found) == values_.end())
      throw Error(name + " needs a value");
    std::string value = *std::next(found);
    values_.erase(found, std::next(found, 2));
    return value;
  }
  double number(const std::string& name, double otherwise) {
    const std::optional<std::string> text = option(name);
    if (!text)
      return otherwise;
    char* end = nullptr;
    const double value = std::strtod(text->c_str(), &end);
    if (text->empty() || *end != 0 || !(value >= 0))
      throw Error(name + " " + *text + ": not a number");
    return value;
  }
  bool empty() const { return values_.empty(); }
  void check_empty() const {
    if (!values_.empty())
      throw Error("'" + values_.front() + "' is not an argument of it");
  }

private:
  std::vector<std::string> values_;
};

void make(Arguments& arguments) {
  const std::string kind = arguments.positional("what to make inputs for");
  const std::string path = arguments.positional("a file to write");
  const std::string size = arguments.option("--size").value_or("full");
  arguments.check_empty();
  if (size != "full" && size != "tiny")
    throw Error("--size " + size + ": neither full nor tiny");
  write_inputs(kind, size == "full" ? Size::full : Size::tiny, path);
}

void run(Arguments& arguments) {
  Settings settings;
  settings.network = arguments.positional("a network");
  settings.file = arguments.positional("a file of weights and inputs");
  settings.batch = static_cast<int64_t>(arguments.number("--batch", 0));
  settings.device = arguments.option("--device").value_or(settings.device);
  settings.precision = arguments.option("--precision").value_or(settings.precision);
  settings.fuse = !arguments.flag("--no-fuse");
  const double seconds = arguments.number("--seconds", 1);
  const std::optional<std::string> output = arguments.option("--output");
  const auto kernels = static_cast<std::size_t>(arguments.number("--kernels", 0));
  arguments.check_empty();
  std::cout << measured(settings, {seconds, output.value_or(""), kernels}) << std::endl;
}

void device(Arguments& arguments) {
  const std::string name = arguments.empty() ? "cuda" : arguments.positional("a device");
  arguments.check_empty();
  const std::string found = opened(name);
  check_computes(name);
  std::cout << found << std::endl;
}

} // namespace

int main(int argc, char** argv) {
  try {
    Arguments arguments(argc, argv);
    const std::string command = arguments.positional("'make', 'run' or 'device'");
    if (command == "make")
      make(arguments);
    else if (command == "run")
      run(arguments);
    else if (command == "device")
      device(arguments);
    else
      throw Error("'" + command + "' is none of make, run and device");
  } catch (const std::exception& error) {
    std::cerr << "sinter_gpu_bench: " << error.what() << "\n";
    return 1;
  }
}
