// The networks of tools/gpu_bench at tiny sizes: compiled against operation by operation.
#include "tools/gpu_bench/inputs.h"
#include "tools/gpu_bench/workload.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

namespace sinter::bench {
namespace {

class BenchNetworks : public testing::Test {
protected:
  BenchNetworks() { std::filesystem::create_directories(folder_); }
  ~BenchNetworks() override { std::filesystem::remove_all(folder_); }

  std::string inputs(const std::string& kind) const {
    const std::string path = folder_ / (kind + ".safetensors");
    write_inputs(kind, Size::tiny, path);
    return path;
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("bench_networks_" + std::to_string(getpid()));
};

// Of an element, over the largest.
double difference(const Tensor& found, const Tensor& expected) {
  return max(abs(found - expected)).item() / max(abs(expected)).item();
}

TEST_F(BenchNetworks, ResNet50IsThePublishedOne) {
  const resnet50::Net net = resnet50::for_training(resnet50::random_weights({}, 1));
  int64_t parameters = 0;
  for_each_tensor(net, [&](const Tensor& tensor) { parameters += tensor.elements(); });
  EXPECT_EQ(parameters, 25557032); // torchvision's
}

TEST_F(BenchNetworks, CompiledAgreeWithOperationByOperation) {
  const std::string images = inputs("resnet50"), tokens = inputs("bert");
  const ResNetFile resnet = read_resnet50(images);
  const BertFile bert = read_bert(tokens);
  const Tensor scores = make_workload({.network = "resnet50", .file = images})->results().at("output");
  EXPECT_LT(difference(scores, resnet50::logits(resnet.model, resnet.input)), 1e-4);
  const Tensor states = make_workload({.network = "bert", .file = tokens})->results().at("output");
  EXPECT_LT(difference(states, bert::encode(bert.model, bert.heads, bert.input)), 1e-4);
}

TEST_F(BenchNetworks, BatchIsTheFirstOfTheFile) {
  const std::string tokens = inputs("bert");
  const Tensor all = make_workload({.network = "bert", .file = tokens})->results().at("output");
  const Tensor one = make_workload({.network = "bert", .file = tokens, .batch = 1})->results().at("output");
  EXPECT_LT(difference(one, slice(all, 0, 0, 1)), 1e-5);
  EXPECT_THROW(make_workload({.network = "bert", .file = tokens, .batch = 5}), Error);
}

TEST_F(BenchNetworks, FusionDoesNotChangeAStepOfTraining) {
  const std::string images = inputs("resnet50");
  const auto fused = make_workload({.network = "resnet50_training", .file = images});
  const auto single = make_workload({.network = "resnet50_training", .file = images, .fuse = false});
  const auto expected = single->results(), found = fused->results();
  EXPECT_NEAR(found.at("loss").item(), expected.at("loss").item(), 1e-4);
  for (const auto& [name, tensor] : expected)
    EXPECT_LT(difference(found.at(name), tensor), 1e-3) << name;
  const ResNetFile file = read_resnet50(images);
  const auto start = named_tensors(resnet50::for_training(file.model));
  EXPECT_GT(difference(found.at("model.fc.weight"), start.at("fc.weight")), 1e-4);
}

TEST_F(BenchNetworks, OperationsAreWhatTheyAreCalled) {
  const std::string path = inputs("elements");
  const ElementsFile file = read_elements(path);
  const auto found = [&](const std::string& network) {
    return make_workload({.network = network, .file = path})->results().at("output");
  };
  const Tensor y = file.input * file.scale + file.bias;
  EXPECT_LT(difference(found("pointwise"),
                       where(y < 0, 0.1 * y, y) + 0.5 * file.input * file.input - abs(file.input)),
            1e-5);
  EXPECT_LT(difference(found("softmax"), softmax(file.input)), 1e-5);
  EXPECT_LT(difference(found("layer_norm"), layer_norm(file.input, file.scale, file.bias)), 1e-5);
  EXPECT_LT(difference(found("sum_rows"), sum(file.input, 1)), 1e-5);
  EXPECT_LT(difference(found("sum_columns"), sum(file.input, 0)), 1e-5);
  EXPECT_LT(difference(found("sum_all"), sum(file.input)), 1e-5);
}

TEST_F(BenchNetworks, ErrorsNameWhatIsWrong) {
  EXPECT_THROW(write_inputs("vgg", Size::tiny, folder_ / "x"), Error);
  EXPECT_THROW(make_workload({.network = "vgg", .file = inputs("bert")}), Error);
  EXPECT_THROW(make_workload({.network = "resnet50", .file = inputs("bert")}), Error);
}

} // namespace
} // namespace sinter::bench
