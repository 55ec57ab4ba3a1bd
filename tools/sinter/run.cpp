// sinter run: runs a model on .npy files, writes its outputs, compares them.
#include "arguments.h"
#include "commands.h"
#include "compare.h"
#include "files.h"
#include "process.h"
#include "progress.h"
#include "usage.h"

#include <fmt/format.h>

#include <chrono>

namespace sinter::tool {

namespace {

struct RunOptions {
  ModelFiles model;
  std::vector<std::string> inputs;
  std::string output_dir = ".";
  std::vector<std::string> expected;
  double rtol = 1e-3;
  double atol = 1e-4;
  int threads = 0;
  CodeOptions code;
  bool no_fuse = false;
  bool interpret = false;
  bool stats = false;
};

/// When the parts of a first run are done.
class Stopwatch {
public:
  /// Milliseconds since the last lap, or since it was made.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return ms;
  }

private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// Prints the errors of one output; true if it is within tolerance.
bool report(const std::string& name, const Tensor& actual, const Tensor& expected,
            const RunOptions& options) {
  const Difference difference = compare(name, actual, expected, options.rtol, options.atol);
  fmt::print(
      "{} {}: largest absolute error {:.3g}, largest relative error {:.3g}, {:.3g} of the largest value: "
      "{}\n",
      name, to_string(actual.view()), difference.absolute, difference.relative, difference.of_largest,
      difference.beyond == 0
          ? std::string("ok")
          : fmt::format("{} of {} elements are beyond atol {:g} + rtol {:g} * |expected|, the first at {}",
                        difference.beyond, actual.elements(), options.atol, options.rtol,
                        to_string(difference.first_beyond)));
  return difference.beyond == 0;
}

double mebibytes(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

int run(const RunOptions& options) {
  options.code.check_device(!options.interpret);
  ModelOptions model_options;
  model_options.fuse = !options.no_fuse;
  model_options.threads = options.threads;
  options.code.apply(model_options);
  Progress progress("compiling kernels");
  model_options.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };

  Stopwatch watch;
  Model model = options.model.load(model_options);
  const double load_ms = watch.lap();
  const std::vector<Tensor> inputs = gather_inputs(model, options.inputs, {}, false);
  std::vector<std::pair<std::size_t, Tensor>> expected;
  for (const Assignment& file : assign(options.expected, model.outputs(), "output"))
    expected.emplace_back(file.index, load_file("--expect", model.outputs()[file.index], file.text));

  watch.lap();
  const auto executable = options.interpret ? nullptr : model.compile(inputs);
  const double compile_ms = watch.lap();
  const std::vector<Tensor> outputs = options.interpret ? model.interpret(inputs) : model.run(inputs);
  const double run_ms = watch.lap();
  const double total_ms = ms_since_start();
  const uint64_t peak_rss = peak_rss_bytes();

  std::vector<std::pair<std::string, Tensor>> named;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    named.emplace_back(model.outputs()[i].name, outputs[i]);
  std::vector<std::string> read;
  for (const Assignment& file : assign(options.inputs, model.inputs(), "input"))
    read.push_back(file.text);
  for (const Assignment& file : assign(options.expected, model.outputs(), "output"))
    read.push_back(file.text);
  const std::vector<std::string> paths = write_outputs(options.output_dir, named, read);
  for (std::size_t i = 0; i < paths.size(); ++i)
    fmt::print("wrote {} {}\n", paths[i], to_string(outputs[i].view()));
  if (options.stats)
    fmt::print(
        "loading {:.1f} ms, compiling {:.1f} ms, first run {:.1f} ms; {:.1f} ms from the start of the "
        "process to its first result; peak RSS {:.1f} MiB, of which {:.1f} weights from the cache on disk\n",
        load_ms, compile_ms, run_ms, total_ms, mebibytes(peak_rss),
        mebibytes(executable ? executable->mapped_constant_bytes() : 0));

  bool within = true;
  for (const auto& [index, tensor] : expected)
    within = report(model.outputs()[index].name, outputs[index], tensor, options) && within;
  return within ? 0 : 1;
}

} // namespace

Command add_run(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("run", "Run a model on .npy inputs and write its outputs as .npy files");
  auto options = std::make_shared<RunOptions>();
  options->model.add_to(*sub);
  sub->add_option("--input", options->inputs,
                  "[NAME=]FILE.npy for an input; repeat for several. Without a name they are taken in the "
                  "model's order")
      ->type_name("[NAME=]FILE")
      ->allow_extra_args(false);
  sub->add_option("--output-dir", options->output_dir, "Where NAME.npy is written for every output")
      ->capture_default_str()
      ->type_name("DIR");
  sub->add_option("--expect", options->expected,
                  "[NAME=]FILE.npy to compare an output with; repeat for several. Exit status 1 if one is "
                  "beyond tolerance")
      ->type_name("[NAME=]FILE")
      ->allow_extra_args(false);
  sub->add_option("--rtol", options->rtol,
                  "Relative tolerance of --expect: |actual - expected| <= atol + rtol * |expected|")
      ->capture_default_str()
      ->check(tolerance());
  sub->add_option("--atol", options->atol, "Absolute tolerance of --expect")
      ->capture_default_str()
      ->check(tolerance());
  add_threads(*sub, options->threads);
  options->code.add_to(*sub);
  options->code.add_device_to(*sub);
  options->code.add_running_to(*sub);
  sub->add_flag("--no-fuse", options->no_fuse, "One kernel per operation");
  sub->add_flag("--interpret", options->interpret, "Run the reference interpreter instead of compiled code");
  sub->add_flag("--stats", options->stats,
                "Print the time of loading, compiling and the first run, and the most memory held");
  return [options] { return run(*options); };
}

} // namespace sinter::tool
