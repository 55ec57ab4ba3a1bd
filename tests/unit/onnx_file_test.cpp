// Model files are not trusted: whatever bytes they hold, loading ends in a model or in one clear line.
#include "support/model_builder.h"
#include "support/tool.h"

#include "sinter/onnx.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <sys/stat.h>

namespace sinter::test {
namespace {

class OnnxFile : public testing::Test {
protected:
  std::string load_error(const std::string& bytes) {
    const std::string path = folder_.write("m.onnx", bytes);
    try {
      Model::load(path);
    } catch (const Error& error) {
      std::string text = error.what();
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
      return text.substr(0, path.size()) == path ? text.substr(path.size()) : text;
    }
    return "no error";
  }
  std::string load_error(const ModelBuilder& model) { return load_error(model.bytes()); }

  // A model whose weight lies in a file.
  ModelBuilder external(const std::string& location, const std::string& offset = "") {
    ModelBuilder model;
    model.input("x", {4}).output("y", {4}).weight("w", {4}).node("Add", {"x", "w"}, {"y"});
    onnx::TensorProto& tensor = model.last_weight();
    tensor.clear_raw_data();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    auto entry = [&](const std::string& key, const std::string& value) {
      auto* made = tensor.add_external_data();
      made->set_key(key);
      made->set_value(value);
    };
    entry("location", location);
    if (!offset.empty())
      entry("offset", offset);
    return model;
  }

  TemporaryFolder folder_;
};

ModelBuilder one(const std::string& op) {
  ModelBuilder model;
  model.input("x", {2}).output("y", {2}).node(op, {"x"}, {"y"});
  return model;
}

TEST_F(OnnxFile, MissingOrNoRegularFile) {
  EXPECT_THROW(Model::load(folder_.path("none.onnx")), Error);
  EXPECT_THROW(Model::load(folder_.path("")), Error);
  ASSERT_EQ(mkfifo(folder_.path("pipe").c_str(), 0600), 0);
  EXPECT_THROW(Model::load(folder_.path("pipe")), Error); // and does not wait for a writer
}

TEST_F(OnnxFile, IsNoModel) {
  EXPECT_EQ(load_error(""), " is not an ONNX model: it has no graph");
  EXPECT_EQ(load_error("hello, world"), " is not a well-formed ONNX model: unknown wire type");
  EXPECT_EQ(load_error("\x3a\x7f"), " is not a well-formed ONNX model: a field is longer than what holds it");
  EXPECT_EQ(load_error("\x3b"), " is not a well-formed ONNX model: unknown wire type");
  EXPECT_EQ(load_error(std::string(20, '\xff')),
            " is not a well-formed ONNX model: a number is longer than 64 bits");
}

// Every prefix, and every byte changed in two ways: an Error or a model, never a crash.
TEST_F(OnnxFile, DamagedAnywhere) {
  ModelBuilder model = small_classifier();
  for (auto& weight : *model.proto.mutable_graph()->mutable_initializer())
    weight.mutable_doc_string()->clear();
  const std::string bytes = model.bytes();
  const std::string path = folder_.path("m.onnx");
  int refused = 0;
  auto attempt = [&](const std::string& damaged) {
    folder_.write("m.onnx", damaged);
    try {
      Model::load(path);
    } catch (const Error&) {
      ++refused;
    }
  };
  for (std::size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 100)
    attempt(bytes.substr(0, length));
  for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 400)
    for (const int change : {0x80, 0x07}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      attempt(damaged);
    }
  EXPECT_GT(refused, 100);
}

TEST_F(OnnxFile, OpsetsOutOfReach) {
  ModelBuilder model = one("Relu");
  model.proto.mutable_opset_import(0)->set_version(5);
  EXPECT_THAT(load_error(model), testing::StartsWith(": the model uses opset 5; opsets from 6 to "));
  model.proto.mutable_opset_import(0)->set_version(1000);
  EXPECT_THAT(load_error(model), testing::StartsWith(": the model uses opset 1000; opsets from 6 to "));
  model.proto.clear_opset_import();
  EXPECT_EQ(load_error(model), ": the model does not say which opset it uses");
}

TEST_F(OnnxFile, UnknownOperators) {
  EXPECT_EQ(load_error(one("Frobnicate")),
            ": operator Frobnicate (opset 13), node 'Frobnicate1', is not supported");
  EXPECT_EQ(load_error(one("Gelu")), ": operator Gelu (opset 13), node 'Gelu1', is not supported");
  ModelBuilder model = one("Relu");
  model.last().set_domain("com.example");
  EXPECT_EQ(load_error(model), ": operator com.example.Relu (opset 13), node 'Relu1', is not supported");
  model = one("Two\nlines");
  EXPECT_EQ(load_error(model), ": operator Two lines (opset 13), node 'Two lines1', is not supported");
}

TEST_F(OnnxFile, NodesThatNothingNeedsAreLeftOut) {
  ModelBuilder model = one("Relu");
  model.node("Frobnicate", {"y"}, {"z"});
  EXPECT_EQ(load_error(model), "no error");
}

TEST_F(OnnxFile, NodesMayStandInAnyOrder) {
  ModelBuilder model(13);
  model.input("x", {1}).output("y", {1}).node("Neg", {"h"}, {"y"}).node("Abs", {"x"}, {"h"});
  const std::string path = folder_.write("m.onnx", model.bytes());
  EXPECT_EQ(Model::load(path).interpret({Tensor::of({-3}, {1})}).front().item(), -3);
}

TEST_F(OnnxFile, NamesMustBeDefinedOnceAndWithoutCycles) {
  ModelBuilder model(13);
  model.input("x", {2}).output("y", {2}).node("Add", {"x", "z"}, {"y"}).node("Relu", {"y"}, {"z"});
  EXPECT_EQ(load_error(model), ": node 'Add1' (Add) depends on its own output");
  model = one("Relu");
  model.node("Abs", {"x"}, {"y"});
  EXPECT_EQ(load_error(model), ": node 'Abs2' (Abs) defines 'y', which is defined already");
  model = one("Relu");
  model.last().set_input(0, "nowhere");
  EXPECT_EQ(load_error(model), ": node 'Relu1' (Relu) uses 'nowhere', which nothing defines");
  model = one("Relu");
  model.output("z", {2});
  EXPECT_EQ(load_error(model), ": output 'z' is not computed by any node");
}

TEST_F(OnnxFile, LongChainsDoNotExhaustTheStack) {
  ModelBuilder model(13);
  model.input("x", {1}).output("y", {1});
  constexpr int kLength = 50000;
  for (int i = kLength; i-- > 0;) // last first, so that the search for operands goes all the way
    model.node("Abs", {i == 0 ? "x" : "v" + std::to_string(i)},
               {i == kLength - 1 ? "y" : "v" + std::to_string(i + 1)});
  EXPECT_EQ(load_error(model), "no error");
}

TEST_F(OnnxFile, WeightsMustHaveAsMuchDataAsTheirDimensionsSay) {
  ModelBuilder model = one("Relu");
  model.weight("w", {4});
  model.last_weight().set_dims(0, 5);
  EXPECT_EQ(load_error(model), ": initialiser 'w': it has 16 bytes of data where its dimensions say 20");
  model.last_weight().set_dims(0, -4);
  EXPECT_THAT(load_error(model), testing::StartsWith(": initialiser 'w': "));
  model.last_weight().set_dims(0, int64_t{1} << 62);
  EXPECT_THAT(load_error(model), testing::StartsWith(": initialiser 'w': "));
  model.last_weight().set_dims(0, int64_t{1} << 45);
  EXPECT_EQ(load_error(model), ": initialiser 'w': it is too large: [35184372088832]");
  model.last_weight().clear_raw_data();
  model.last_weight().set_dims(0, int64_t{1} << 36);
  EXPECT_EQ(load_error(model), ": initialiser 'w': it has 0 elements where its dimensions say 68719476736");
  model.last_weight().set_data_type(onnx::TensorProto::COMPLEX64);
  EXPECT_EQ(load_error(model), ": initialiser 'w': element type complex64 is not supported");
  model.last_weight().set_data_type(-7);
  EXPECT_EQ(load_error(model), ": initialiser 'w': element type -7 is not supported");
  for (int i = 0; i < 9; ++i)
    model.last_weight().add_dims(1);
  model.last_weight().set_data_type(onnx::TensorProto::FLOAT);
  EXPECT_THAT(load_error(model), testing::StartsWith(": initialiser 'w': "));
}

TEST_F(OnnxFile, ExternalWeightsAreReadFromTheModelsFolder) {
  std::filesystem::create_directory(folder_.path("sub"));
  const float values[] = {0, 1, 2, 3, 4, 5};
  folder_.write("sub/w.bin", std::string(reinterpret_cast<const char*>(values), sizeof values));
  const std::string path = folder_.write("m.onnx", external("sub/w.bin", "8").bytes());
  EXPECT_THAT(Model::load(path).interpret({Tensor::zeros({4})}).front().to_vector<float>(),
              testing::ElementsAre(2, 3, 4, 5));
  EXPECT_EQ(load_error(external("sub/w.bin", "12")),
            ": initialiser 'w': its external data 'sub/w.bin' has 24 bytes, but 16 are asked for at 12");
  EXPECT_THAT(load_error(external("sub/w.bin", "18446744073709551615")),
              testing::HasSubstr("but 16 are asked for at 18446744073709551615"));
  EXPECT_EQ(load_error(external("sub/w.bin", "-1")),
            ": initialiser 'w': its external data has offset '-1', which is not a number");
}

TEST_F(OnnxFile, ExternalWeightsCannotEscape) {
  std::filesystem::create_directory(folder_.path("inside"));
  const std::string secret = folder_.write("secret.bin", std::string(16, 'x'));
  auto error = [&](const std::string& location) {
    const std::string path = folder_.write("inside/m.onnx", external(location).bytes());
    try {
      Model::load(path);
    } catch (const Error& error) {
      return std::string(error.what()).substr(path.size());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error(secret), testing::EndsWith("which is not a path inside the model's folder"));
  EXPECT_THAT(error("../secret.bin"), testing::EndsWith("which leaves the model's folder"));
  EXPECT_THAT(error("sub/../../secret.bin"), testing::EndsWith("which leaves the model's folder"));
  EXPECT_THAT(error(""), testing::EndsWith("which is not a path inside the model's folder"));
  EXPECT_THAT(error("none.bin"), testing::HasSubstr("cannot be opened"));
  EXPECT_THAT(error("."), testing::EndsWith("is not a regular file"));
  std::filesystem::create_symlink(secret, folder_.path("inside/link.bin"));
  EXPECT_THAT(error("link.bin"), testing::EndsWith("a link that leaves the model's folder"));
  std::filesystem::create_directory_symlink(folder_.path(""), folder_.path("inside/up"));
  EXPECT_THAT(error("up/secret.bin"), testing::EndsWith("a link that leaves the model's folder"));
  ASSERT_EQ(mkfifo(folder_.path("inside/pipe").c_str(), 0600), 0);
  EXPECT_THAT(error("pipe"), testing::EndsWith("is not a regular file"));
}

} // namespace
} // namespace sinter::test
