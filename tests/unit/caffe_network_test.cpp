// Whole Caffe networks, in all forms of both files, against the same network built from eager operations.
#include "caffe_one_layer.h"
#include "error_of.h"

#include "sinter/sinter.h"

namespace sinter::test {
namespace {

class CaffeNetwork : public testing::Test {
protected:
  Model load(const CaffeNet& net, ModelOptions options = {}) const {
    net.save(folder_);
    options.caffemodel = folder_.path("net.caffemodel");
    options.threads = 1;
    return Model::load(folder_.path("net.prototxt"), options);
  }
  // Without weights.
  Model load_text(const std::string& text) const { return Model::load(folder_.write("net.prototxt", text)); }
  std::string error(const std::string& text) const {
    const std::string message = error_of([&] { load_text(text); });
    return message.starts_with(folder_.path("net.prototxt") + ": ")
               ? message.substr(folder_.path("net.prototxt").size() + 2)
               : "not named: " + message;
  }

  TemporaryFolder folder_;
};

void expect_close(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(to_string(actual.shape()), to_string(expected.shape()));
  EXPECT_LT(max(abs(actual - expected)).item(), tolerance * std::max(1.0, max(abs(expected)).item()));
}

// The same network twice: as Caffe's files, and as operations on tensors.
class Twin {
public:
  Twin(const std::vector<int64_t>& dims) : x(Tensor::uniform(Shape(dims), 99, -1, 1)) {
    net.input("data", dims);
    values_["data"] = x;
  }

  std::string conv(const std::string& name, const std::string& from, int64_t outputs, int64_t kernel,
                   int64_t stride = 1, int64_t pad = 0, int64_t groups = 1) {
    const int64_t channels = value(from).shape()[1];
    const Tensor weight = weights({outputs, channels / groups, kernel, kernel}), bias = weights({outputs});
    net.layer("Convolution", name, {from}, {name},
              "convolution_param { num_output: " + std::to_string(outputs) +
                  " kernel_size: " + std::to_string(kernel) + " stride: " + std::to_string(stride) +
                  " pad: " + std::to_string(pad) + " group: " + std::to_string(groups) +
                  " weight_filler { type: \"xavier\" } }",
              {blob(weight), blob(bias)});
    return make(name, sinter::conv(value(from), weight, bias,
                                   {.strides = {stride, stride}, .padding = {pad, pad}, .groups = groups}));
  }
  // In place.
  std::string relu(const std::string& at) {
    net.layer("ReLU", at + "_relu", {at}, {at});
    return make(at, sinter::relu(value(at)));
  }
  std::string batch_norm(const std::string& at) {
    const int64_t channels = value(at).shape()[1];
    const Tensor mean = weights({channels}), variance = abs(weights({channels})) + 0.5;
    const Tensor scale = weights({channels}) + 1, bias = weights({channels});
    net.layer("BatchNorm", at + "_bn", {at}, {at}, "batch_norm_param { use_global_stats: true }",
              {blob(mean * 4), blob(variance * 4), {{1}, {4}}});
    net.layer("Scale", at + "_scale", {at}, {at}, "scale_param { bias_term: true }",
              {blob(scale), blob(bias)});
    return make(at, sinter::batch_norm(value(at), scale, bias, mean, variance));
  }
  std::string pool(const std::string& name, const std::string& from, bool average, int64_t kernel,
                   int64_t stride, int64_t pad = 0) {
    net.layer("Pooling", name, {from}, {name},
              std::string("pooling_param { pool: ") + (average ? "AVE" : "MAX") +
                  " kernel_size: " + std::to_string(kernel) + " stride: " + std::to_string(stride) +
                  " pad: " + std::to_string(pad) + " }");
    const PoolOptions options{
        .kernel = {kernel, kernel}, .strides = {stride, stride}, .padding = {pad, pad}, .ceil_mode = true};
    return make(name, average ? avg_pool(value(from), options) : max_pool(value(from), options));
  }
  std::string lrn(const std::string& name, const std::string& from) {
    net.layer("LRN", name, {from}, {name}, "lrn_param { local_size: 5 alpha: 0.01 beta: 0.75 }");
    return make(name, sinter::lrn(value(from), 5, 0.01, 0.75));
  }
  std::string concat(const std::string& name, const std::vector<std::string>& from) {
    net.layer("Concat", name, from, {name});
    std::vector<Tensor> parts;
    for (const std::string& part : from)
      parts.push_back(value(part));
    return make(name, sinter::concat(parts, 1));
  }
  std::string add(const std::string& name, const std::string& a, const std::string& b) {
    net.layer("Eltwise", name, {a, b}, {name});
    return make(name, value(a) + value(b));
  }
  std::string full(const std::string& name, const std::string& from, int64_t outputs) {
    const Tensor flat = flatten(value(from), 1), weight = weights({outputs, flat.shape()[1]}),
                 bias = weights({outputs});
    net.layer("InnerProduct", name, {from}, {name},
              "inner_product_param { num_output: " + std::to_string(outputs) + " }",
              {blob(weight), blob(bias)});
    return make(name, linear(flat, weight, bias));
  }
  std::string softmax(const std::string& name, const std::string& from) {
    net.layer("Softmax", name, {from}, {name});
    return make(name, sinter::softmax(value(from), 1));
  }

  const Tensor& value(const std::string& name) const { return values_.at(name); }

  CaffeNet net;
  Tensor x;

private:
  static CaffeBlob blob(const Tensor& tensor) {
    return {{tensor.shape().begin(), tensor.shape().end()}, tensor.to_vector<float>()};
  }
  // Small enough that what goes through many layers stays of the order of 1.
  Tensor weights(const Shape& shape) {
    const double inputs = static_cast<double>(shape.elements()) / static_cast<double>(shape[0]);
    return Tensor::normal(shape, ++seed_, 0, std::sqrt((shape.rank() > 1 ? 2.0 : 0.02) / inputs));
  }
  std::string make(const std::string& name, const Tensor& tensor) {
    values_[name] = tensor;
    return name;
  }

  std::map<std::string, Tensor> values_;
  uint64_t seed_ = 0;
};

class CaffeTwins : public CaffeNetwork {
protected:
  void expect_same(Twin& twin, const std::string& output) {
    Model model = load(twin.net);
    ASSERT_EQ(model.outputs().size(), 1U);
    EXPECT_EQ(model.outputs()[0].name, output);
    expect_close(model.run({twin.x})[0], twin.value(output), 1e-4);
    expect_close(model.interpret({twin.x})[0], twin.value(output), 1e-4);
  }
};

TEST_F(CaffeTwins, AlexNet) {
  Twin net({2, 3, 67, 67});
  std::string at = net.lrn("norm1", net.relu(net.conv("conv1", "data", 16, 11, 4)));
  at = net.lrn("norm2", net.relu(net.conv("conv2", net.pool("pool1", at, false, 3, 2), 32, 5, 1, 2, 2)));
  at = net.relu(net.conv("conv3", net.pool("pool2", at, false, 3, 2), 32, 3, 1, 1, 2));
  at = net.relu(net.full("fc6", net.pool("pool5", at, false, 3, 2), 64));
  expect_same(net, net.softmax("prob", net.full("fc8", at, 20)));
}

TEST_F(CaffeTwins, GoogLeNet) {
  Twin net({1, 3, 64, 64});
  std::string at = net.pool("pool1", net.relu(net.conv("conv1", "data", 16, 7, 2, 3)), false, 3, 2);
  at = net.pool("pool2", net.lrn("norm2", net.relu(net.conv("conv2", at, 24, 3, 1, 1))), false, 3, 2);
  for (const std::string block : {"3a", "3b"}) {
    const std::string a = net.relu(net.conv(block + "/1x1", at, 8, 1));
    const std::string b =
        net.relu(net.conv(block + "/3x3", net.relu(net.conv(block + "/3x3_reduce", at, 8, 1)), 16, 3, 1, 1));
    const std::string c =
        net.relu(net.conv(block + "/5x5", net.relu(net.conv(block + "/5x5_reduce", at, 4, 1)), 8, 5, 1, 2));
    const std::string d =
        net.relu(net.conv(block + "/pool_proj", net.pool(block + "/pool", at, false, 3, 1, 1), 8, 1));
    at = net.concat(block + "/output", {a, b, c, d});
  }
  expect_same(net, net.softmax("prob", net.full("cls", net.pool("pool5", at, true, 8, 1), 20)));
}

TEST_F(CaffeTwins, SqueezeNet) {
  Twin net({1, 3, 63, 63});
  std::string at = net.pool("pool1", net.relu(net.conv("conv1", "data", 16, 3, 2)), false, 3, 2);
  for (const std::string block : {"fire2", "fire3"}) {
    const std::string squeezed = net.relu(net.conv(block + "/squeeze", at, 8, 1));
    at = net.concat(block + "/concat", {net.relu(net.conv(block + "/e1", squeezed, 16, 1)),
                                        net.relu(net.conv(block + "/e3", squeezed, 16, 3, 1, 1))});
  }
  at = net.relu(net.conv("conv10", net.pool("pool3", at, false, 3, 2), 10, 1));
  expect_same(net, net.softmax("prob", net.pool("pool10", at, true, 7, 1)));
}

TEST_F(CaffeTwins, ResNet) {
  Twin net({1, 3, 64, 64});
  std::string at =
      net.pool("pool1", net.relu(net.batch_norm(net.conv("conv1", "data", 16, 7, 2, 3))), false, 3, 2);
  for (const int64_t stride : {1, 2}) {
    const std::string block = "res" + std::to_string(stride);
    const std::string shortcut = net.batch_norm(net.conv(block + "_branch1", at, 32, 1, stride));
    std::string branch = net.relu(net.batch_norm(net.conv(block + "_2a", at, 8, 1, stride)));
    branch = net.relu(net.batch_norm(net.conv(block + "_2b", branch, 8, 3, 1, 1)));
    branch = net.batch_norm(net.conv(block + "_2c", branch, 32, 1));
    at = net.relu(net.add(block, shortcut, branch));
  }
  expect_same(net, net.softmax("prob", net.full("fc", net.pool("pool5", at, true, 8, 1), 20)));
}

// All of a batch-norm and a scale goes into the convolution in front of them.
TEST_F(CaffeNetwork, NormalisationsAreFolded) {
  Twin net({1, 3, 16, 16});
  net.relu(net.batch_norm(net.conv("conv", "data", 16, 3, 1, 1)));
  Model model = load(net.net);
  EXPECT_THAT(model.inspect({net.x}, "imported"), testing::HasSubstr("sinter.batch_norm"));
  const std::string optimized = model.inspect({net.x}, "optimized");
  EXPECT_THAT(optimized, testing::HasSubstr("sinter.conv"));
  for (const char* operation : {"batch_norm", "sinter.mul", "sinter.add", "rsqrt"})
    EXPECT_THAT(optimized, testing::Not(testing::HasSubstr(operation)));
}

TEST_F(CaffeNetwork, RunsAtOtherShapes) {
  Twin net({1, 3, 8, 8});
  net.relu(net.conv("conv", "data", 4, 3));
  Model model = load(net.net);
  EXPECT_EQ(model.inputs().at(0).dims, (std::vector<int64_t>{1, 3, 8, 8}));
  EXPECT_EQ(to_string(model.run({Tensor::zeros({2, 3, 10, 9})})[0].shape()), "[2, 4, 8, 7]");
  EXPECT_THROW(model.run({Tensor::zeros({3, 8, 8})}), Error);
}

TEST_F(CaffeNetwork, IsDifferentiated) {
  Twin net({1, 2, 4, 4});
  net.relu(net.conv("conv", "data", 3, 3));
  Model model = load(net.net);
  const auto parameters = model.parameters();
  ASSERT_TRUE(parameters.contains("conv.blobs[0]") && parameters.contains("conv.blobs[1]"));
  const Tensor weight = parameters.at("conv.blobs[0]"), bias = parameters.at("conv.blobs[1]");
  const auto through_model = grad([&](Tensor x) { return sum(square(model.run({x})[0])); })(net.x);
  const auto by_hand = grad([&](Tensor x) { return sum(square(relu(conv(x, weight, bias)))); })(net.x);
  expect_close(through_model, by_hand, 1e-5);
}

// Its weights as further inputs, also by way of their gradient.
TEST_F(CaffeNetwork, TakesParameters) {
  Model model = load(small_caffe_net());
  const Tensor x = Tensor::uniform({2, 4, 8, 8}, 7);
  const auto parameters = model.parameters();
  EXPECT_EQ(parameters.size(), 10U);
  expect_close(model.run(parameters, {x})[0], model.run({x})[0], 1e-5);
  const auto loss = [&](std::map<std::string, Tensor> given) {
    return sum(square(model.run(given, {x})[0]));
  };
  const auto gradients = grad(loss)(parameters);
  const double step = 1e-2;
  for (const std::string name : {"conv1.blobs[0]", "bn1.blobs[1]", "scale1.blobs[0]", "fc.blobs[1]"}) {
    SCOPED_TRACE(name);
    auto more = parameters, less = parameters;
    const Tensor direction = Tensor::normal(parameters.at(name).shape(), 8);
    more[name] = parameters.at(name) + direction * step;
    less[name] = parameters.at(name) - direction * step;
    EXPECT_NEAR(sum(gradients.at(name) * direction).item(),
                (loss(more).item() - loss(less).item()) / (2 * step), 3e-3);
  }
}

TEST_F(CaffeNetwork, FormsOfBlobs) {
  std::vector<Tensor> results;
  for (const CaffeBlobForm form :
       {CaffeBlobForm::shape, CaffeBlobForm::legacy, CaffeBlobForm::doubles, CaffeBlobForm::unpacked}) {
    CaffeNet net;
    net.form = form;
    net.input("data", {1, 2, 4, 4})
        .layer("Convolution", "conv", {"data"}, {"conv"},
               "convolution_param { num_output: 3 kernel_size: 3 }",
               {made_up_blob({3, 2, 3, 3}, 1), made_up_blob({3}, 2)})
        .layer("InnerProduct", "fc", {"conv"}, {"fc"}, "inner_product_param { num_output: 5 }",
               {made_up_blob({5, 12}, 3), made_up_blob({5}, 4)});
    results.push_back(load(net).interpret({Tensor::uniform({1, 2, 4, 4}, 5)})[0]);
    expect_close(results.back(), results.front(), 1e-7);
  }
}

// As files before 2014 have it: layers of types in capitals, inputs that are no layers, blobs of four
// dimensions.
TEST_F(CaffeNetwork, OldForm) {
  const CaffeBlob filter = made_up_blob({2, 1, 3, 3}, 1), bias = made_up_blob({2}, 2);
  CaffeNet now, old;
  now.input("data", {1, 1, 6, 6})
      .layer("Convolution", "conv", {"data"}, {"conv"}, "convolution_param { num_output: 2 kernel_size: 3 }",
             {filter, bias})
      .layer("ReLU", "relu", {"conv"}, {"conv"});
  old.text = "input: \"data\" input_dim: 1 input_dim: 1 input_dim: 6 input_dim: 6  # NCHW\n"
             "layers { name: 'conv' type: CONVOLUTION bottom: 'data' top: 'conv' blobs_lr: 1 blobs_lr: 2 "
             "weight_decay: 0\n"
             "  convolution_param < num_output: 2; kernel_size: 3, engine: CAFFE > }\n"
             "layers: { name: 're' 'lu' type: 18 bottom: 'conv' top: 'conv' }";
  old.weights = wire_bytes(2, wire_bytes(4, "conv") + wire_number(5, 4) +
                                  wire_bytes(6, caffe_blob(filter, CaffeBlobForm::legacy)) +
                                  wire_bytes(6, caffe_blob(bias, CaffeBlobForm::legacy)));
  const Tensor x = Tensor::uniform({1, 1, 6, 6}, 3, -1, 1);
  expect_close(load(old).interpret({x})[0], load(now).interpret({x})[0], 1e-7);
}

TEST_F(CaffeNetwork, BlobsWrittenInPlace) {
  // Both readers of 'a' see it as it was when they came.
  Model model =
      load_text("input: 'data' input_shape { dim: 2 } "
                "layer { name: 'a' type: 'Power' bottom: 'data' top: 'a' power_param { shift: 1 } } "
                "layer { name: 'first' type: 'Power' bottom: 'a' top: 'first' power_param { scale: 10 } } "
                "layer { name: 'double' type: 'Power' bottom: 'a' top: 'a' power_param { scale: 2 } } "
                "layer { name: 'triple' type: 'Power' bottom: 'a' top: 'a' power_param { scale: 3 } } ");
  ASSERT_EQ(model.outputs().size(), 2U);
  EXPECT_EQ(model.outputs()[0].name, "first");
  EXPECT_EQ(model.outputs()[1].name, "a");
  const auto outputs = model.interpret({Tensor::of({1, 2}, {2})});
  expect_elements(outputs[0], {{2}, {20, 30}});
  expect_elements(outputs[1], {{2}, {12, 18}});
}

TEST_F(CaffeNetwork, LayersOfTestingOnly) {
  const std::string rules[] = {
      "include { phase: TEST }",         "exclude { phase: TRAIN }",
      "include { not_stage: 'deploy' }", "include { phase: TRAIN } include { max_level: 3 }",
      "include { phase: TRAIN }",        "exclude { phase: TEST }",
      "include { stage: 'deploy' }",     "include { min_level: 1 }"};
  for (int i = 0; i < 8; ++i) {
    SCOPED_TRACE(rules[i]);
    Model model = load_text("input: 'data' input_shape { dim: 1 } layer { name: 'a' type: 'Power' bottom: "
                            "'data' top: 'a' power_param { shift: 1 } } "
                            "layer { name: 'b' type: 'Power' bottom: 'a' top: 'a' power_param { scale: 5 } " +
                            rules[i] + " }");
    expect_elements(model.interpret({Tensor::of({1}, {1})})[0], {{1}, {i < 4 ? 10.0F : 2.0F}});
  }
}

TEST_F(CaffeNetwork, LayersForMeasuringAreLeftOut) {
  const Model model = load_text(
      "layer { name: 'in' type: 'Input' top: 'data' top: 'label' input_param { shape { dim: 2 dim: 3 } shape "
      "{ dim: 2 } } } "
      "layer { name: 'slice' type: 'Slice' bottom: 'data' top: 'a' top: 'b' slice_param { slice_point: 1 } } "
      "layer { name: 'quiet' type: 'Silence' bottom: 'b' } "
      "layer { name: 'accuracy' type: 'Accuracy' bottom: 'a' bottom: 'label' top: 'accuracy' } ");
  ASSERT_EQ(model.inputs().size(), 1U);
  ASSERT_EQ(model.outputs().size(), 1U);
  EXPECT_EQ(model.outputs()[0].name, "a");
}

TEST_F(CaffeNetwork, TextThatIsNone) {
  const std::string input = "input: 'data' input_shape { dim: 1 dim: 2 }\n";
  EXPECT_EQ(error(""), "it is no description of a Caffe network: it has no layers");
  EXPECT_EQ(error("layer {\n name: 'a\n}"), "line 2: a string does not end");
  EXPECT_EQ(error("layer {\n name 'a'\n}"), "line 2: a ':' or '{' is expected after name, not '''");
  EXPECT_EQ(error("layer {\n name: 'a'\n"), "line 3: the file ends where a '}' is missing");
  EXPECT_EQ(error("\n}"), "line 2: a field's name is expected, not '}'");
  EXPECT_EQ(error("layer { name: 'a' name: 'b' }"), "name is given twice, in lines 1 and 1");
  std::string deep;
  for (int i = 0; i < 100000; ++i)
    deep += "a {";
  EXPECT_EQ(error(deep), "line 1: messages nest more than 32 deep");
  EXPECT_EQ(error(input + "layers { layer { name: 'conv1' type: 'conv' } }"),
            "layer '' is in the form of before 2014; Caffe's tool upgrade_net_proto_text writes it anew");
  EXPECT_EQ(error("input: 'data' input_dim: 1 layer { name: 'a' type: 'ReLU' }"),
            "1 times input_dim are given for 1 inputs; each needs four");
}

TEST_F(CaffeNetwork, LayersThatDoNotFit) {
  const std::string input = "input: 'data' input_shape { dim: 1 dim: 2 }\n";
  const auto layer = [&](const std::string& fields) { return error(input + "layer { " + fields + " }"); };
  EXPECT_EQ(layer("name: 'd' type: 'DetectionOutput' bottom: 'data' top: 'd'"),
            "layer 'd' (DetectionOutput): layers of this type are not supported");
  EXPECT_EQ(layer("name: 'r' type: 'ReLU' bottom: 'conv' top: 'r'"),
            "layer 'r' (ReLU): its bottom 'conv' is no input, nor the top of a layer before it");
  EXPECT_EQ(layer("name: 'r' type: 'ReLU' bottom: 'r' top: 'r'"),
            "layer 'r' (ReLU): its bottom 'r' is no input, nor the top of a layer before it");
  EXPECT_EQ(layer("name: 'r' type: 'ReLU' bottom: 'data' bottom: 'data' top: 'r'"),
            "layer 'r' (ReLU): it has 2 bottoms; 1 are needed");
  EXPECT_EQ(layer("name: 'e' type: 'Eltwise' bottom: 'data' top: 'e'"),
            "layer 'e' (Eltwise): it has 1 bottoms; at least 2 are needed");
  EXPECT_EQ(
      layer("name: 'r' type: 'ReLU' top: 'data' bottom: 'data' } layer { name: 's' type: 'Sigmoid' bottom: "
            "'data' top: 'b' } layer { name: 't' type: 'Split' bottom: 'data' top: 'c' top: 'b'"),
      "layer 't' (Split): its top 'b' is the top of a layer before it, too");
  EXPECT_EQ(layer("name: 'l' type: 'SoftmaxWithLoss' bottom: 'data' bottom: 'data' top: 'l'"),
            "layer 'l' (SoftmaxWithLoss): a loss is for training; for use, a Softmax layer takes its place");
  EXPECT_EQ(layer("name: 'i' type: 'Data' top: 'd'"),
            "layer 'i' (Data): it reads the data of a training; give the network's deploy file, which has "
            "inputs instead");
  EXPECT_EQ(layer("name: 'c' type: 'Convolution' bottom: 'data' top: 'c'"),
            "layer 'c' (Convolution): it has weights: give the .caffemodel file that holds them "
            "(ModelOptions::caffemodel, --caffemodel)");
  EXPECT_EQ(error(input + "layers { name: 'c' type: CONVOLUTE }"),
            "layer 'c' (?): type CONVOLUTE is none that 'layers' may have");
}

TEST_F(CaffeNetwork, SettingsThatDoNotFit) {
  const Elements x = some({1, 2, 4, 4}, 1);
  const auto refused = [&](const std::string& type, const std::string& settings) {
    const std::string error = OneLayer(type, settings).x(x).error(), start = "layer 'layer' (" + type + "): ";
    EXPECT_TRUE(error.starts_with(start)) << error;
    return error.substr(start.size());
  };
  EXPECT_EQ(refused("Pooling", "pooling_param { kernal_size: 2 }"), "kernel_size is missing");
  EXPECT_EQ(refused("Pooling", "pooling_param { kernel_size: 2 dilation: 2 }"),
            "pooling_param.dilation is not known");
  EXPECT_EQ(refused("Pooling", "pooling_param { kernel_size: 2 pad: -1 }"),
            "pooling_param.pad is -1; it must be from 0 to 1048576");
  EXPECT_EQ(refused("Pooling", "pooling_param { kernel_size: 2 pad: 2 }"),
            "pad [2, 2] is not smaller than the kernel [2, 2]");
  EXPECT_EQ(refused("Pooling", "pooling_param { kernel_size: 9 }"),
            "the kernel of 9 is larger than the bottom's extent 4, padded by 0");
  EXPECT_EQ(refused("Pooling", "pooling_param { kernel_size: 2 pool: STOCHASTIC }"),
            "STOCHASTIC pooling is not supported");
  EXPECT_EQ(refused("Pooling", "pooling_param { kernel_size: 2 pool: MEAN }"),
            "pooling_param.pool is 'MEAN', which is none of MAX, AVE, STOCHASTIC");
  EXPECT_EQ(refused("Pooling", "pooling_param { kernel_size: 99999999999999999999 }"),
            "pooling_param.kernel_size is '99999999999999999999', which is no integer");
  EXPECT_EQ(refused("Reshape", "reshape_param { shape { dim: 3 dim: -1 } }"),
            "cannot reshape [1, 2, 4, 4] to [3, 10]");
  const std::string huge =
      OneLayer("Tile", "tile_param { tiles: 1073741824 }").x(some({1, 64, 64}, 1)).error();
  EXPECT_THAT(huge, testing::HasSubstr("too large"));
  EXPECT_EQ(refused("ReLU", "relu_param { negative_slope: nan }"),
            "relu_param.negative_slope is 'nan', which is no finite number");
  EXPECT_EQ(refused("Dropout", "dropout_param: 3"), "dropout_param is a value where a message is expected");
  EXPECT_EQ(refused("Softmax", "softmax_param { axis: 4 }"), "axis 4 is out of range for 4 dimensions");
}

TEST_F(CaffeNetwork, WeightsThatDoNotFit) {
  const auto refused = [&](const std::vector<CaffeBlob>& blobs, const std::string& name = "fc") {
    CaffeNet net;
    net.input("data", {1, 4})
        .layer("InnerProduct", name, {"data"}, {"fc"}, "inner_product_param { num_output: 2 }", blobs);
    if (name != "fc")
      net.text.replace(net.text.find("\"" + name + "\""), name.size() + 2, "\"fc\"");
    std::string message = error_of([&] { load(net).interpret({Tensor::zeros({1, 4})}); });
    for (const std::string& path : {folder_.path("net.prototxt"), folder_.path("net.caffemodel")})
      if (const auto at = message.find(path); at != std::string::npos)
        message.replace(at, path.size(), path.ends_with("t") ? "NET" : "WEIGHTS");
    return message;
  };
  const CaffeBlob weight = made_up_blob({2, 4}, 1), bias = made_up_blob({2}, 2);
  EXPECT_EQ(refused({weight, bias}), "no error");
  EXPECT_EQ(refused({weight, bias}, "fc8"), "NET: layer 'fc' (InnerProduct): WEIGHTS has no weights for it");
  EXPECT_EQ(refused({weight}),
            "NET: layer 'fc' (InnerProduct): WEIGHTS has 1 blobs for it where 2 are needed");
  EXPECT_EQ(refused({made_up_blob({4, 2}, 1), bias}),
            "NET: layer 'fc' (InnerProduct): blob 0 has shape [4, 2] where [2, 4] is needed");
  EXPECT_EQ(
      refused({made_up_blob({2, 2, 2}, 1), bias}),
      "NET: layer 'fc' (InnerProduct): blob 0 in WEIGHTS has shape [2, 2, 2] where 2 dimensions are needed");
  EXPECT_EQ(refused({{{2, 4}, {1, 2, 3}}, bias}),
            "WEIGHTS is not a well-formed .caffemodel: a blob of shape [2, 4] has 3 elements");
  EXPECT_EQ(refused({{{-2, 4}, {}}, bias}),
            "WEIGHTS is not a well-formed .caffemodel: a blob has a dimension of extent -2");
  EXPECT_THAT(refused({{{int64_t{1} << 40, int64_t{1} << 40}, {}}, bias}),
              testing::StartsWith("WEIGHTS is not a well-formed .caffemodel: a tensor"));
}

} // namespace
} // namespace sinter::test
