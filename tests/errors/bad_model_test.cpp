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
                   bad.message);
}

INSTANTIATE_TEST_SUITE_P(
    Graph, BadModels,
    testing::Values(
        BadModel{"UnknownOperator", [] { return one_node("Frobnicate"); }, "?", kMatrix},
        BadModel{"UnknownDomain",
                 [] { return with(one_node("Relu"), [](auto& m) { m.last().set_domain("com.example"); }); },
                 "?", kMatrix},
        BadModel{"OpsetTooNew", [] { return one_node("Relu", 99); }, "?", kMatrix},
        BadModel{"OpsetTooOld", [] { return one_node("Relu", 3); }, "?", kMatrix},
        BadModel{"NoOpset",
                 [] { return with(one_node("Relu"), [](auto& m) { m.proto.clear_opset_import(); }); }, "?",
                 kMatrix},
        BadModel{"Cycle",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3}).output("y", {2, 3});
                   m.node("Add", {"x", "b"}, {"a"}).node("Relu", {"a"}, {"b"}).node("Relu", {"b"}, {"y"});
                   return m;
                 },
                 "?", kMatrix},
        BadModel{"UndefinedValue",
                 [] { return with(one_node("Relu"), [](auto& m) { m.last().set_input(0, "nowhere"); }); },
                 "?", kMatrix},
        BadModel{"OutputNotComputed",
                 [] { return with(one_node("Relu"), [](auto& m) { m.last().set_output(0, "elsewhere"); }); },
                 "?", kMatrix},
        BadModel{"NameDefinedTwice", [] { return one_node("Relu").node("Abs", {"x"}, {"y"}); }, "?", kMatrix},
        BadModel{
            "NoOutputs",
            [] { return with(one_node("Relu"), [](auto& m) { m.proto.mutable_graph()->clear_output(); }); },
            "?", kMatrix},
        BadModel{"InputMissingInNode", [] { return with(one_node("Add"), [](auto&) {}); }, "?", kMatrix},
        BadModel{"TooManyDimensions",
                 [] {
                   ModelBuilder m;
                   m.input("x", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}).output("y", {1}).node("Relu", {"x"}, {"y"});
                   return m;
                 },
                 "?", kMatrix},
        BadModel{"AttributeOfTheWrongType",
                 [] { return one_node("Softmax").attribute("axis", std::string("last")); }, "?", kMatrix},
        BadModel{"AxisOutOfRange", [] { return one_node("Softmax").attribute("axis", int64_t{7}); }, "?",
                 kMatrix}),
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
            "?", kMatrix},
        BadModel{
            "Broadcast",
            [] {
              ModelBuilder m;
              m.input("x", {2, 3}).output("y", {2, 4}).weight("w", {2, 4}).node("Add", {"x", "w"}, {"y"});
              return m;
            },
            "?", kMatrix},
        BadModel{
            "Reshape",
            [] {
              ModelBuilder m;
              m.input("x", {2, 3}).output("y", {7}).integers("s", {7}).node("Reshape", {"x", "s"}, {"y"});
              return m;
            },
            "?", kMatrix},
        BadModel{"Concat",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3}).output("y", {3, 3}).weight("w", {1, 4});
                   m.node("Concat", {"x", "w"}, {"y"}).attribute("axis", int64_t{0});
                   return m;
                 },
                 "?", kMatrix},
        BadModel{"GatherIndex",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3})
                       .output("y", {3})
                       .integers("i", {5}, true)
                       .node("Gather", {"x", "i"}, {"y"});
                   return m;
                 },
                 "?", kMatrix},
        BadModel{"ConvStrideZero", [] { return conv_with("strides", {0, 1}); }, "?"},
        BadModel{"ConvNegativeDilation", [] { return conv_with("dilations", {-1, 1}); }, "?"},
        BadModel{"ConvNegativePad", [] { return conv_with("pads", {-1, 0, 0, 0}); }, "?"},
        BadModel{"ConvAbsurdPad",
                 [] { return conv_with("pads", {int64_t{1} << 62, 0, int64_t{1} << 62, 0}); }, "?"},
        BadModel{"ConvPadCount", [] { return conv_with("pads", {1, 1}); }, "?"},
        BadModel{"ConvKernelLargerThanInput", [] { return conv_with("dilations", {9, 9}); }, "?"},
        BadModel{"ConvGroups",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3, 8, 8}).output("y", {-1, -1, -1, -1}).weight("w", {4, 3, 3, 3});
                   m.node("Conv", {"x", "w"}, {"y"}).attribute("group", int64_t{2});
                   return m;
                 },
                 "?"},
        BadModel{"ConvChannels",
                 [] {
                   ModelBuilder m;
                   m.input("x", {2, 3, 8, 8}).output("y", {-1, -1, -1, -1}).weight("w", {4, 5, 3, 3});
                   m.node("Conv", {"x", "w"}, {"y"});
                   return m;
                 },
                 "?"},
        BadModel{
            "ExpandIsAbsurd",
            [] {
              ModelBuilder m;
              m.input("x", {1}).output("y", {-1, -1}).integers("s", {int64_t{1} << 40, int64_t{1} << 40});
              m.node("Expand", {"x", "s"}, {"y"});
              return m;
            },
            "?",
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
                 "?"}),
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
                 "?"},
        BadModel{"OverflowingDimensions",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, int64_t{1} << 40);
                     m.proto.mutable_graph()->mutable_initializer(0)->set_dims(1, int64_t{1} << 40);
                   });
                 },
                 "?"},
        BadModel{"TooFewBytes",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->mutable_raw_data()->resize(10);
                   });
                 },
                 "?"},
        BadModel{"NoBytes",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->clear_raw_data();
                   });
                 },
                 "?"},
        BadModel{"UnknownElementType",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->set_data_type(77);
                   });
                 },
                 "?"},
        BadModel{"Strings",
                 [] {
                   return with(small_classifier(), [](auto& m) {
                     m.proto.mutable_graph()->mutable_initializer(0)->set_data_type(
                         onnx::TensorProto::STRING);
                   });
                 },
                 "?"},
        BadModel{"ExternalDataAboveTheFolder", [] { return with_external("../secret.bin"); }, "?", {2, 4}},
        BadModel{"ExternalDataAbsolute", [] { return with_external("/etc/passwd"); }, "?", {2, 4}},
        BadModel{"ExternalDataMissing", [] { return with_external("weights.bin"); }, "?", {2, 4}}),
    [](const auto& info) { return info.param.name; });

TEST(BadModelFile, DoesNotExist) {
  TemporaryFolder folder;
  expect_run_error(folder, folder.path("none.onnx"), {}, "?");
}

TEST(BadModelFile, IsAFolder) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("model.onnx"));
  expect_run_error(folder, folder.path("model.onnx"), {}, "?");
}

TEST(BadModelFile, IsEmpty) {
  TemporaryFolder folder;
  expect_run_error(folder, folder.write("model.onnx", ""), {}, "?");
}

TEST(BadModelFile, IsSomethingElse) {
  TemporaryFolder folder;
  expect_run_error(folder, folder.write("model.onnx", "#!/bin/sh\necho this is not a model\n"), {}, "?");
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
  expect_run_error(folder, folder.path("model.onnx"), {folder.write("x.npy", npy_zeros({2, 4}))}, "?");
}

TEST(ExternalData, TooShortIsRefused) {
  TemporaryFolder folder;
  folder.write("weights.bin", "1234");
  with_external("weights.bin").save(folder.path("model.onnx"));
  expect_run_error(folder, folder.path("model.onnx"), {folder.write("x.npy", npy_zeros({2, 4}))}, "?");
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
