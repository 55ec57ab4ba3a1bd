// Models that are damaged, wrong or hostile: one clear line each.
#include "expect_error.h"
#include "support/model_builder.h"

#include <filesystem>
#include <functional>

namespace sinter::test {
namespace {

struct BadModel {
  const char* name;
  std::function<ModelBuilder()> make;
  const char* message;
  std::vector<int64_t> input{2, 3, 8, 8};
};

void PrintTo(const BadModel& model, std::ostream* out) {
  *out << model.name;
}

ModelBuilder with(ModelBuilder model, const std::function<void(ModelBuilder&)>& spoil) {
  spoil(model);
  return model;
}

/// x [2, 3] through one node to y.
ModelBuilder one_node(const std::string& op, int64_t opset = 13) {
  ModelBuilder model(opset);
  model.input("x", {2, 3}).output("y", {2, 3}).node(op, {"x"}, {"y"});
  return model;
}

onnx::TensorProto& external(ModelBuilder& model, const std::string& location) {
  model.weight("w", {4});
  onnx::TensorProto& tensor = model.last_weight();
  tensor.clear_raw_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  auto* entry = tensor.add_external_data();
  entry->set_key("location");
  entry->set_value(location);
  return tensor;
}

ModelBuilder with_external(const std::string& location) {
  ModelBuilder model;
  model.input("x", {2, 4}).output("y", {2, 4});
  external(model, location);
  model.node("Add", {"x", "w"}, {"y"});
  return model;
}

ModelBuilder conv_with(const std::string& attribute, std::vector<int64_t> values) {
  ModelBuilder model;
  model.input("x", {2, 3, 8, 8}).output("y", {-1, -1, -1, -1}).weight("w", {4, 3, 3, 3});
  model.node("Conv", {"x", "w"}, {"y"}).attribute(attribute, std::move(values));
  return model;
}

using Node = onnx::NodeProto;
const std::vector<int64_t> kMatrix{2, 3};

class BadModels : public testing::TestWithParam<BadModel> {};

TEST_P(BadModels, AreRefusedInOneLine) {
  const BadModel& bad = GetParam();
  TemporaryFolder folder;
  bad.make().save(folder.path("model.onnx"));
  expect_run_error(folder, folder.path("model.onnx"), {folder.write("x.npy", npy_zeros(bad.input))},
                   std::string("{}/model.onnx: ") + bad.message);
}

INSTANTIATE_TEST_SUITE_P(
    Graph, BadModels,
    testing::Values(
        BadModel{"UnknownOperator", [] { return one_node("Frobnicate"); },
                 "operator Frobnicate (opset 13), node 'Frobnicate1', is not supported", kMatrix},
        BadModel{"UnknownDomain",
                 [] { return with(one_node("Relu"), [](auto& m) { m.last().set_domain("com.example"); }); },
                 "operator com.example.Relu (opset 13), node 'Relu1', is not supported", kMatrix},
        BadModel{"OpsetTooNew", [] { return one_node("Relu", 99); },
                 "the model uses opset 99; opsets from 6 to 28 are understood", kMatrix},
        BadModel{"OpsetTooOld", [] { return one_node("Relu", 3); },
                 "the model uses opset 3; opsets from 6 to 28 are understood", kMatrix},
        BadModel{"NoOpset",
                 [] { return with(one_node("Relu"), [](auto& m) { m.proto.clear_opset_import(); }); },
                 "the model does not say which opset it uses", kMatrix},
        BadModel{"Cycle",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3}).output("y", {2, 3});
                   m.node("Add", {"x", "b"}, {"a"}).node("Relu", {"a"}, {"b"}).node("Relu", {"b"}, {"y"});
                   return m;
                 },
                 "node 'Relu2' (Relu) depends on its own output", kMatrix},
        BadModel{"UndefinedValue",
                 [] { return with(one_node("Relu"), [](auto& m) { m.last().set_input(0, "nowhere"); }); },
                 "node 'Relu1' (Relu) uses 'nowhere', which nothing defines", kMatrix},
        BadModel{"OutputNotComputed",
                 [] { return with(one_node("Relu"), [](auto& m) { m.last().set_output(0, "elsewhere"); }); },
                 "output 'y' is not computed by any node", kMatrix},
        BadModel{"NameDefinedTwice", [] { return one_node("Relu").node("Abs", {"x"}, {"y"}); },
                 "node 'Abs2' (Abs) defines 'y', which is defined already", kMatrix},
        BadModel{
            "NoOutputs",
            [] { return with(one_node("Relu"), [](auto& m) { m.proto.mutable_graph()->clear_output(); }); },
            "the model has no outputs", kMatrix},
        BadModel{"InputMissingInNode", [] { return with(one_node("Add"), [](auto&) {}); },
                 "node 'Add1' (Add): input 1 is missing", kMatrix},
        BadModel{"TooManyDimensions",
                 [] {
                   ModelBuilder m;
                   m.input("x", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}).output("y", {1}).node("Relu", {"x"}, {"y"});
                   return m;
                 },
                 "input 'x': it has 10 dimensions; at most 8 are supported", kMatrix},
        BadModel{"AttributeOfTheWrongType",
                 [] { return one_node("Softmax").attribute("axis", std::string("last")); },
                 "node 'Softmax1' (Softmax): attribute axis is not an integer", kMatrix},
        BadModel{"AxisOutOfRange", [] { return one_node("Softmax").attribute("axis", int64_t{7}); },
                 "node 'Softmax1' (Softmax): axis 7 is out of range for 2 dimensions", kMatrix}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Shapes, BadModels,
    testing::Values(
        BadModel{
            "MatMul",
            [] {
              ModelBuilder m;
              m.input("x", {2, 3}).output("y", {2, 4}).weight("w", {5, 4}).node("MatMul", {"x", "w"}, {"y"});
              return m;
            },
            "node 'MatMul1' (MatMul): 'tensor<2x3xf32>' times 'tensor<5x4xf32>': 3 columns do not meet 5 "
            "rows",
            kMatrix},
        BadModel{
            "Broadcast",
            [] {
              ModelBuilder m;
              m.input("x", {2, 3}).output("y", {2, 4}).weight("w", {2, 4}).node("Add", {"x", "w"}, {"y"});
              return m;
            },
            "node 'Add1' (Add): shapes do not broadcast: 'tensor<2x3xf32>', 'tensor<2x4xf32>'", kMatrix},
        BadModel{
            "Reshape",
            [] {
              ModelBuilder m;
              m.input("x", {2, 3}).output("y", {7}).integers("s", {7}).node("Reshape", {"x", "s"}, {"y"});
              return m;
            },
            "node 'Reshape1' (Reshape): cannot reshape [2, 3] to [7]", kMatrix},
        BadModel{"Concat",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3}).output("y", {3, 3}).weight("w", {1, 4});
                   m.node("Concat", {"x", "w"}, {"y"}).attribute("axis", int64_t{0});
                   return m;
                 },
                 "node 'Concat1' (Concat): input 1, 'tensor<1x4xf32>', does not continue input 0, "
                 "'tensor<2x3xf32>', along axis 0",
                 kMatrix},
        BadModel{"GatherIndex",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3})
                       .output("y", {3})
                       .integers("i", {5}, true)
                       .node("Gather", {"x", "i"}, {"y"});
                   return m;
                 },
                 "node 'Gather1' (Gather): index 5 is out of range for axis 0 of input 'tensor<2x3xf32>'",
                 kMatrix},
        BadModel{"ConvStrideZero", [] { return conv_with("strides", {0, 1}); },
                 "node 'Conv1' (Conv): strides [0, 1] is out of range"},
        BadModel{"ConvNegativeDilation", [] { return conv_with("dilations", {-1, 1}); },
                 "node 'Conv1' (Conv): dilations [-1, 1] is out of range"},
        BadModel{"ConvNegativePad", [] { return conv_with("pads", {-1, 0, 0, 0}); },
                 "node 'Conv1' (Conv): pads [-1, 0, 0, 0] is out of range"},
        BadModel{
            "ConvAbsurdPad", [] { return conv_with("pads", {int64_t{1} << 62, 0, int64_t{1} << 62, 0}); },
            "node 'Conv1' (Conv): pads [4611686018427387904, 0, 4611686018427387904, 0] is out of range"},
        BadModel{"ConvPadCount", [] { return conv_with("pads", {1, 1}); },
                 "node 'Conv1' (Conv): pads [1, 1] does not have 4 entries"},
        BadModel{"ConvKernelLargerThanInput", [] { return conv_with("dilations", {9, 9}); },
                 "node 'Conv1' (Conv): kernel [3, 3] with dilations [9, 9] is larger than input "
                 "'tensor<2x3x8x8xf32>' padded by [0, 0] and [0, 0] in spatial dimension 0"},
        BadModel{
            "ConvGroups",
            [] {
              ModelBuilder m;
              m.input("x", {2, 3, 8, 8}).output("y", {-1, -1, -1, -1}).weight("w", {4, 3, 3, 3});
              m.node("Conv", {"x", "w"}, {"y"}).attribute("group", int64_t{2});
              return m;
            },
            "node 'Conv1' (Conv): 3 channels of input 'tensor<2x3x8x8xf32>' cannot be divided into 2 groups"},
        BadModel{"ConvChannels",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3, 8, 8}).output("y", {-1, -1, -1, -1}).weight("w", {4, 5, 3, 3});
                   m.node("Conv", {"x", "w"}, {"y"});
                   return m;
                 },
                 "node 'Conv1' (Conv): filter 'tensor<4x5x3x3xf32>' does not take the 3 channels per group "
                 "of input 'tensor<2x3x8x8xf32>' in 1 groups"},
        BadModel{
            "ExpandIsAbsurd",
            [] {
              ModelBuilder m;
              m.input("x", {1}).output("y", {-1, -1}).integers("s", {int64_t{1} << 40, int64_t{1} << 40});
              m.node("Expand", {"x", "s"}, {"y"});
              return m;
            },
            "node 'Expand1' (Expand): the result is too large: dimension 1 takes it past 2^63 bytes",
            {1}},
        BadModel{"ResizeByNan",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3, 8, 8}).output("y", {-1, -1, -1, -1}).weight("scales", {4});
                   m.last_weight().clear_raw_data();
                   for (float scale : {1.0F, 1.0F, std::numeric_limits<float>::quiet_NaN(), 2.0F})
                     m.last_weight().add_float_data(scale);
                   m.node("Resize", {"x", "", "scales"}, {"y"});
                   return m;
                 },
                 "node 'Resize1' (Resize): a scale is not positive"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Weights, BadModels,
    testing::Values(
        BadModel{"NegativeDimension",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, -8);
                   });
                 },
                 "initialiser 'w1': a dimension of -8 is not a size"},
        BadModel{"OverflowingDimensions",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, int64_t{1} << 40);
                     m.proto.mutable_graph()->mutable_initializer(0)->set_dims(1, int64_t{1} << 40);
                   });
                 },
                 "initialiser 'w1': a tensor of shape [1099511627776, 1099511627776, 3, 3] is too large"},
        BadModel{"TooFewBytes",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->mutable_raw_data()->resize(10);
                   });
                 },
                 "initialiser 'w1': it has 10 bytes of data where its dimensions say 864"},
        BadModel{"NoBytes",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->clear_raw_data();
                   });
                 },
                 "initialiser 'w1': it has 0 elements where its dimensions say 216"},
        BadModel{"UnknownElementType",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->set_data_type(77);
                   });
                 },
                 "initialiser 'w1': element type 77 is not supported"},
        BadModel{"Strings",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->set_data_type(
                         onnx::TensorProto::STRING);
                   });
                 },
                 "initialiser 'w1': element type string is not supported"},
        BadModel{
            "ExternalDataAboveTheFolder",
            [] { return with_external("../secret.bin"); },
            "initialiser 'w': its external data lies at '../secret.bin', which leaves the model's folder",
            {2, 4}},
        BadModel{"ExternalDataAbsolute",
                 [] { return with_external("/etc/passwd"); },
                 "initialiser 'w': its external data lies at '/etc/passwd', which is not a path inside the "
                 "model's folder",
                 {2, 4}},
        BadModel{
            "ExternalDataMissing",
            [] { return with_external("weights.bin"); },
            "initialiser 'w': its external data 'weights.bin' cannot be opened: No such file or directory",
            {2, 4}}),
    [](const auto& info) { return info.param.name; });

TEST(BadModelFile, DoesNotExist) {
  TemporaryFolder folder;
  expect_run_error(folder, folder.path("none.onnx"), {},
                   "cannot open {}/none.onnx: No such file or directory");
}

TEST(BadModelFile, IsAFolder) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("model.onnx"));
  expect_run_error(folder, folder.path("model.onnx"), {}, "{}/model.onnx is not a regular file");
}

TEST(BadModelFile, IsEmpty) {
  TemporaryFolder folder;
  expect_run_error(folder, folder.write("model.onnx", ""), {},
                   "{}/model.onnx is not an ONNX model: it has no graph");
}

TEST(BadModelFile, IsSomethingElse) {
  TemporaryFolder folder;
  expect_run_error(folder, folder.write("model.onnx", "#!/bin/sh\necho this is not a model\n"), {},
                   "{}/model.onnx is not a well-formed ONNX model: unknown wire type");
}

TEST(BadModelFile, IsTruncatedAnywhere) {
  TemporaryFolder folder;
  const std::string bytes = small_classifier().bytes();
  const std::string x = folder.write("x.npy", npy_zeros({2, 3, 8, 8}));
  for (std::size_t length :
       {std::size_t{1}, std::size_t{5}, bytes.size() / 3, bytes.size() / 2, bytes.size() - 1}) {
    SCOPED_TRACE(length);
    const std::string model = folder.write("model.onnx", bytes.substr(0, length));
    const ToolResult result =
        run_program(SINTER_TOOL, {"run", model, "--input", x, "--output-dir", folder.path("out")});
    EXPECT_EQ(result.status, 2) << result.out;
    EXPECT_EQ(result.err.find("sinter: error: " + model + " is not a"), 0U) << result.err;
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
    EXPECT_FALSE(std::filesystem::exists(folder.path("out")));
  }
}

TEST(ExternalData, ALinkOutOfTheFolderIsRefused) {
  TemporaryFolder folder;
  TemporaryFolder elsewhere;
  const std::string secret = elsewhere.write("secret.bin", std::string(16, '\0'));
  std::filesystem::create_symlink(secret, folder.path("weights.bin"));
  with_external("weights.bin").save(folder.path("model.onnx"));
  expect_run_error(folder, folder.path("model.onnx"), {folder.write("x.npy", npy_zeros({2, 4}))},
                   "{}/model.onnx: initialiser 'w': its external data lies at 'weights.bin', a link that "
                   "leaves the model's folder");
}

TEST(ExternalData, TooShortIsRefused) {
  TemporaryFolder folder;
  folder.write("weights.bin", "1234");
  with_external("weights.bin").save(folder.path("model.onnx"));
  expect_run_error(folder, folder.path("model.onnx"), {folder.write("x.npy", npy_zeros({2, 4}))},
                   "{}/model.onnx: initialiser 'w': its external data 'weights.bin' has 4 bytes, but 16 are "
                   "asked for at 0");
}

TEST(ExternalData, InsideTheFolderWorks) {
  TemporaryFolder folder;
  folder.write("weights.bin", std::string(16, '\0'));
  with_external("weights.bin").save(folder.path("model.onnx"));
  const ToolResult result = run_program(SINTER_TOOL, {"run", folder.path("model.onnx"), "--input",
                                                      folder.write("x.npy", npy_zeros({2, 4})),
                                                      "--output-dir", folder.path("out")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(read_file(folder.path("out/y.npy")), npy_zeros({2, 4}));
}

} // namespace
} // namespace sinter::test
