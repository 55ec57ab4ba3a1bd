// Damaged Caffe networks end in sinter::Error or in a result, never in anything else.
//
// SINTER_FUZZ_CASES: how many; SINTER_FUZZ_SEED: the first.
#include "fuzz/text_mutation.h"
#include "support/caffe_builder.h"
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

/// Loads and interprets, now and then compiles; the message of the Error, or "" if there was none.
std::string load_and_run(const TemporaryFolder& folder, bool compiles) {
  try {
    ModelOptions options;
    options.threads = 1;
    options.caffemodel = folder.path("net.caffemodel");
    Model model = Model::load(folder.path("net.prototxt"), options);
    std::vector<Tensor> inputs;
    for (const ModelValue& value : model.inputs()) {
      const Shape shape(value.dims);
      if (checked_bytes(shape.dims(), 8) > (1 << 20))
        return "the input is too large for this test";
      inputs.push_back(Tensor::full(shape, 0.5, value.dtype));
    }
    if (compiles)
      model.run(inputs);
    else
      model.interpret(inputs);
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

TEST(FuzzCaffe, TheNetworkItselfRuns) {
  const TemporaryFolder folder;
  small_caffe_net().save(folder);
  EXPECT_EQ(load_and_run(folder, true), "");
}

// Both files in turns.
TEST(FuzzCaffe, DamagedNetworksFailCleanly) {
  const uint64_t cases = from_environment("SINTER_FUZZ_CASES", 300);
  const uint64_t first = from_environment("SINTER_FUZZ_SEED", 1);
  const CaffeNet net = small_caffe_net();
  const TemporaryFolder folder;
  uint64_t refused = 0;
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE("SINTER_FUZZ_CASES=1 SINTER_FUZZ_SEED=" + std::to_string(seed));
    if (std::getenv("SINTER_FUZZ_VERBOSE") != nullptr)
      std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    CaffeNet damaged = net;
    if (seed % 2 == 0)
      damaged.text = mutate_text(net.text, seed);
    else
      damaged.weights = mutate_bytes(net.weights, seed);
    damaged.save(folder);
    refused += !load_and_run(folder, seed % 20 == 0).empty();
  }
  RecordProperty("refused", std::to_string(refused));
  if (cases >= 100) {
    EXPECT_GT(refused, cases / 4) << "most damage should be noticed";
    EXPECT_LT(refused, cases) << "some damage leaves a network that runs";
  }
}

} // namespace
} // namespace sinter::test
