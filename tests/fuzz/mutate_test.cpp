// Damaged models end in sinter::Error or in a result, never in anything else.
//
// SINTER_FUZZ_CASES: how many; SINTER_FUZZ_SEED: the first.
#include "fuzz/mutation.h"
#include "support/model_builder.h"
#include "support/tool.h"

#include "sinter/onnx.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sinter::test {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != 0 ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Loads and runs; the message of the Error, or "" if there was none.
std::string load_and_run(const std::string& path) {
  try {
    ModelOptions options;
    options.threads = 1;
    Model model = Model::load(path, options);
    std::vector<Tensor> inputs;
    for (const ModelValue& value : model.inputs()) {
      Shape shape;
      for (int64_t dim : value.dims)
        shape.push_back(dim < 0 ? 2 : dim);
      if (checked_bytes(shape.dims(), 8) > (1 << 20))
        return "the input is too large for this test";
      inputs.push_back(Tensor::full(shape, 0.5, value.dtype));
    }
    model.check_inputs(inputs);
    model.run(inputs);
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

TEST(Fuzz, TheModelItselfRuns) {
  TemporaryFolder folder;
  EXPECT_EQ(load_and_run(folder.write("model.onnx", small_classifier().bytes())), "");
}

TEST(Fuzz, DamagedModelsFailCleanly) {
  const uint64_t cases = from_environment("SINTER_FUZZ_CASES", 300);
  const uint64_t first = from_environment("SINTER_FUZZ_SEED", 1);
  const ModelBuilder model = small_classifier();
  TemporaryFolder folder;
  uint64_t refused = 0;
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE("SINTER_FUZZ_CASES=1 SINTER_FUZZ_SEED=" + std::to_string(seed));
    if (std::getenv("SINTER_FUZZ_VERBOSE") != nullptr)
      std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    refused += !load_and_run(folder.write("model.onnx", mutate(model.proto, seed))).empty();
  }
  RecordProperty("refused", std::to_string(refused));
  if (cases >= 100) {
    EXPECT_GT(refused, cases / 4) << "most damage should be noticed";
    EXPECT_LT(refused, cases) << "some damage leaves a model that runs";
  }
}

} // namespace
} // namespace sinter::test
