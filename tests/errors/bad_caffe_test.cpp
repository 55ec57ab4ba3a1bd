// Caffe networks that are damaged, wrong or hostile, through the tool: one clear line each.
#include "expect_error.h"
#include "support/caffe_builder.h"

namespace sinter::test {
namespace {

class BadCaffe : public testing::Test {
protected:
  BadCaffe() {
    small_caffe_net().save(folder_);
    folder_.write("x.npy", npy_zeros({2, 4, 8, 8}));
  }

  // The network as it is on disk.
  void expect_failure(const std::string& message, bool with_weights = true) const {
    std::vector<std::string> arguments{"run",          folder_.path("net.prototxt"),
                                       "--input",      folder_.path("x.npy"),
                                       "--output-dir", folder_.path("out")};
    if (with_weights)
      arguments.insert(arguments.end(), {"--caffemodel", folder_.path("net.caffemodel")});
    expect_error(folder_, arguments, message);
  }
  void replace(const std::string& what, const std::string& by, const std::string& message) const {
    CaffeNet net = small_caffe_net();
    ASSERT_NE(net.text.find(what), std::string::npos);
    net.text.replace(net.text.find(what), what.size(), by);
    net.save(folder_);
    expect_failure(message);
  }

  TemporaryFolder folder_;
};

TEST_F(BadCaffe, TheNetworkItselfRuns) {
  const ToolResult result = run_program(
      SINTER_TOOL, {"run", folder_.path("net.prototxt"), "--caffemodel", folder_.path("net.caffemodel"),
                    "--input", "data=" + folder_.path("x.npy"), "--output-dir", folder_.path("out")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "wrote " + folder_.path("out/prob.npy") + " f32[2, 5]\n");
}

TEST_F(BadCaffe, WeightsAreMissing) {
  expect_failure(
      "{}/net.prototxt: layer 'conv1' (Convolution): it has weights: give the .caffemodel file that holds "
      "them (ModelOptions::caffemodel, --caffemodel)",
      false);
}

TEST_F(BadCaffe, WeightsTakenForTheModel) {
  expect_error(folder_, {"inspect", folder_.path("net.caffemodel")},
               "{}/net.caffemodel holds the weights of a Caffe network: the model is its .prototxt file, "
               "with this one "
               "as ModelOptions::caffemodel or --caffemodel");
}

TEST_F(BadCaffe, WeightsForAnOnnxModel) {
  expect_error(folder_,
               {"inspect", folder_.path("model.onnx"), "--caffemodel", folder_.path("net.caffemodel")},
               "{}/model.onnx is no Caffe network, and has its weights in itself: it takes no .caffemodel");
}

TEST_F(BadCaffe, OtherEngines) {
  expect_error(folder_,
               {"bench", folder_.path("net.prototxt"), "--caffemodel", folder_.path("net.caffemodel"),
                "--runs", "1", "--against", "onnxruntime"},
               "--against compares ONNX models; {}/net.prototxt is a Caffe network");
}

TEST_F(BadCaffe, Text) {
  replace("kernel_size: 3", "kernel_size: 3 {",
          "{}/net.prototxt: line 12: a field's name is expected, not '{'");
  replace("num_output: 6", "num_output: 4294967294",
          "{}/net.prototxt: layer 'conv1' (Convolution): convolution_param.num_output is 4294967294; it must "
          "be from 1 "
          "to 1073741824");
  replace("type: \"Softmax\"", "type: \"SoftMax\"",
          "{}/net.prototxt: layer 'prob' (SoftMax): layers of this type are not supported");
  replace("bottom: \"crop\"", "bottom: \"sum\"",
          "{}/net.prototxt: layer 'sum' (Eltwise): its bottom 'sum' is no input, nor the top of a layer "
          "before it");
  replace("group: 2", "group: 3",
          "{}/net.prototxt: layer 'conv1' (Convolution): 3 groups do not divide 4 channels and 6 outputs");
  replace(
      "offset: 1 offset: 0", "offset: 2",
      "{}/net.prototxt: layer 'crop' (Crop): extent 4 at offset 2 is not inside dimension 2 of [2, 6, 5, 5]");
}

TEST_F(BadCaffe, Weights) {
  CaffeNet net = small_caffe_net();
  folder_.write("net.caffemodel", "");
  expect_failure("{}/net.caffemodel is not a well-formed .caffemodel: no layer of it has weights");
  folder_.write("net.caffemodel", net.weights.substr(0, net.weights.size() / 2));
  expect_failure("{}/net.caffemodel is not a well-formed .caffemodel: a field is longer than what holds it");
  folder_.write("net.caffemodel", std::string(11, '\xff'));
  expect_failure("{}/net.caffemodel is not a well-formed .caffemodel: a number is longer than 64 bits");
  folder_.write("net.caffemodel", net.weights + net.weights);
  expect_failure(
      "{}/net.prototxt: layer 'conv1' (Convolution): several layers have this name, so that it does not say "
      "which weights are whose");
}

} // namespace
} // namespace sinter::test
