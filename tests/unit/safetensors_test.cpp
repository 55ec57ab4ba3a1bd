// Files of named tensors: written, read, exchanged with Python, and loaded into structures.
#include "error_of.h"
#include "support/tool.h"

#include "sinter/sinter.h"

#include <gmock/gmock.h>

#include <cstring>

namespace sinter {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;

/// A file of this header and data.
std::string file_of(const std::string& header, const std::string& data = "") {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

void run_python(const std::string& script) {
  const std::string python = SINTER_SOURCE_DIR "/build/python/bin/python";
  const test::ToolResult result = test::run_program(python, {"-c", script});
  EXPECT_EQ(result.status, 0) << python << " (made by tools/setup.sh): " << result.err;
}

Tensor numbers(const Shape& shape, DType dtype) {
  Tensor all = Tensor::empty(shape, dtype);
  auto* bytes = static_cast<unsigned char*>(all.view().data);
  for (std::size_t i = 0; i < all.view().bytes(); ++i)
    bytes[i] = static_cast<unsigned char>(dtype == DType::boolean ? i % 2 : 7 * i + 1);
  return all;
}

void expect_same(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.dtype(), b.dtype());
  ASSERT_EQ(a.shape(), b.shape());
  EXPECT_EQ(std::memcmp(a.view().data, b.view().data, a.view().bytes()), 0);
}

std::map<std::string, Tensor> one_of_each() {
  std::map<std::string, Tensor> tensors;
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean, DType::i8,
                            DType::u8, DType::f16, DType::bf16})
    tensors.emplace("a " + std::string(name_of(dtype)), numbers({3, 5}, dtype));
  tensors.emplace("none", Tensor::empty({0, 4}));
  tensors.emplace("scalar", Tensor(2.5F));
  tensors.emplace("", Tensor(1));
  tensors.emplace("quotes \" \\ \n \x01 and \xe2\x82\xac", Tensor::of({1, 2, 3}, {3}));
  return tensors;
}

TEST(Safetensors, WhatIsWrittenIsRead) {
  TemporaryFolder folder;
  const std::string path = folder.path("all.safetensors");
  const auto tensors = one_of_each();
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"", "line\n\"two\" \xf0\x9f\x8c\x8a"}};
  save_safetensors(path, tensors, metadata);
  const auto loaded = load_safetensors(path);
  ASSERT_EQ(loaded.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(loaded.contains(name));
    expect_same(loaded.at(name), tensor);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(loaded.at(name).view().data) % size_of(tensor.dtype()), 0U);
  }
  EXPECT_EQ(safetensors_metadata(path), metadata);
  save_safetensors(path, std::map<std::string, Tensor>{});
  EXPECT_THAT(load_safetensors(path), IsEmpty());
}

TEST(Safetensors, TensorsOutliveTheFileAndAreTheirOwners) {
  TemporaryFolder folder;
  const std::string path = folder.path("w.safetensors");
  const Tensor matrix = Tensor::of({1, 2, 3, 4, 5, 6}, {2, 3});
  save_safetensors(path, {{"t", matrix.transpose(0, 1)}, {"other", matrix}});
  const std::string before = test::read_file(path);
  const uint64_t allocations = Storage::allocation_count();
  auto tensors = load_safetensors(path);
  EXPECT_EQ(Storage::allocation_count(), allocations) << "they are where the file is mapped";
  tensors.at("t").mutable_data<float>()[0] = 10;
  EXPECT_EQ(test::read_file(path), before);
  std::remove(path.c_str());
  Tensor t = std::move(tensors.at("t"));
  tensors.clear();
  EXPECT_THAT(t.to_vector<float>(), ElementsAre(10, 4, 2, 5, 3, 6));
}

TEST(Safetensors, WhereDataIsNotAlignedItIsCopied) {
  TemporaryFolder folder;
  const float value = 1.5F;
  std::string data("\7\0\1", 3);
  data.append(reinterpret_cast<const char*>(&value), 4);
  const std::string path =
      folder.write("odd.safetensors", file_of(R"({"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},
           "f" : {"data_offsets":[3 , 7], "shape":[ ],"dtype":"F32"}}  )",
                                              data));
  const auto tensors = load_safetensors(path);
  EXPECT_EQ(tensors.at("f").item(), 1.5);
  EXPECT_THAT(tensors.at("b").to_vector<bool>(), ElementsAre(true, false, true));
  EXPECT_EQ(static_cast<const unsigned char*>(tensors.at("b").view().data)[0], 1);
}

TEST(Safetensors, PythonReadsWhatIsWritten) {
  TemporaryFolder folder;
  const std::string path = folder.path("s.safetensors");
  save_safetensors(path,
                   {{"layers.0.weight", Tensor::of({1, 2, 3, 4, 5, 6}, {2, 3})},
                    {"flags", Tensor::of(std::vector<int64_t>{1, 0, 5}, {3})},
                    {"small", numbers({5}, DType::u8)}},
                   {{"made", "by \"Sinter\""}});
  run_python(
      "import numpy as np\nfrom safetensors.numpy import load_file\nfrom safetensors import safe_open\n"
      "t = load_file('" +
      path +
      "')\nassert sorted(t) == ['flags', 'layers.0.weight', 'small'], t\n"
      "np.testing.assert_array_equal(t['layers.0.weight'], np.arange(1, 7, dtype='f4').reshape(2, 3))\n"
      "np.testing.assert_array_equal(t['flags'], np.array([1, 0, 5], 'i8'))\n"
      "np.testing.assert_array_equal(t['small'], np.array([1, 8, 15, 22, 29], 'u1'))\n"
      "assert safe_open('" +
      path + "', 'np').metadata() == {'made': 'by \"Sinter\"'}\n");
}

TEST(Safetensors, WhatPythonWritesIsRead) {
  TemporaryFolder folder;
  const std::string path = folder.path("p.safetensors");
  run_python("import numpy as np\nfrom safetensors.numpy import save_file\n"
             "save_file({'w': np.arange(6, dtype='f4').reshape(2, 3), 'd': np.array(2.5), 'h': "
             "np.array([1.5], 'f2'), 'b': np.array([True, False]), 'i': np.array([-1], 'i4')}, '" +
             path + "', {'key': 'a\\u20acb'})");
  const auto tensors = load_safetensors(path);
  EXPECT_THAT(tensors, ElementsAre(Key("b"), Key("d"), Key("h"), Key("i"), Key("w")));
  expect_same(tensors.at("w"), Tensor::of({0, 1, 2, 3, 4, 5}, {2, 3}));
  EXPECT_EQ(tensors.at("d").item(), 2.5);
  EXPECT_EQ(*static_cast<const uint16_t*>(tensors.at("h").view().data), 0x3e00);
  EXPECT_EQ(tensors.at("i").item(), -1);
  EXPECT_THAT(tensors.at("b").to_vector<bool>(), ElementsAre(true, false));
  EXPECT_THAT(safetensors_metadata(path), ElementsAre(testing::Pair("key", "a\xe2\x82\xac"
                                                                           "b")));
}

struct Layer {
  Tensor weight, bias;
};

// Not an aggregate: it says what it has.
class Scale {
public:
  explicit Scale(double factor) : factor_(Tensor::full({1}, factor)) {}
  template <class Visit>
  void for_each_tensor(Visit&& visit) const {
    visit(factor_);
  }
  template <class Visit>
  void for_each_named_tensor(Visit&& visit) {
    visit("factor", factor_);
  }
  template <class Visit>
  void for_each_named_tensor(Visit&& visit) const {
    visit("factor", factor_);
  }

private:
  Tensor factor_;
};

class Numbered {
public:
  template <class Visit>
  void for_each_tensor(Visit&& visit) const {
    visit(a_);
    visit(b_);
  }

private:
  Tensor a_, b_;
};

struct Net {
  std::vector<Layer> layers;
  std::map<std::string, Layer> heads;
  std::optional<Tensor> extra;
  Scale scale{2};
  int steps = 0;
};

TEST(NamedTensors, HaveTheNamesOfTheSource) {
  struct Local {
    std::tuple<Tensor, Layer> pair;
    std::map<int, Tensor> by_number;
    Numbered others;
  };
  Net net{{{}, {}}, {{"left", {}}}, {}};
  EXPECT_THAT(named_tensors(net),
              ElementsAre(Key("heads.left.bias"), Key("heads.left.weight"), Key("layers.0.bias"),
                          Key("layers.0.weight"), Key("layers.1.bias"), Key("layers.1.weight"),
                          Key("scale.factor")));
  net.extra = Tensor();
  EXPECT_TRUE(named_tensors(net).contains("extra"));
  EXPECT_THAT(named_tensors(Local{{}, {{7, Tensor()}}, {}}),
              ElementsAre(Key("by_number.7"), Key("others.0"), Key("others.1"), Key("pair.0"),
                          Key("pair.1.bias"), Key("pair.1.weight")));
}

TEST(NamedTensors, AreNotMistakenForEachOther) {
  const std::map<std::string, std::map<std::string, Tensor>> tree{{"a", {{"b.c", {}}}}, {"a.b", {{"c", {}}}}};
  EXPECT_THAT(error_of([&] { named_tensors(tree); }),
              HasSubstr("named_tensors: two tensors of the tree have the name 'a.b.c'"));
}

Net filled() {
  return {{{Tensor::of({1, 2}, {2}), Tensor::of({3}, {1})}},
          {{"out", {Tensor::of({4, 5}, {1, 2}), Tensor(6)}}},
          {}};
}

TEST(LoadInto, AStructureGetsItsTensorsBack) {
  TemporaryFolder folder;
  save_safetensors(folder.path("net.safetensors"), filled(), {{"epoch", "3"}});
  Net net{std::vector<Layer>(1), {{"out", {}}}, {}, Scale(7)};
  load_into(net, folder.path("net.safetensors"));
  EXPECT_THAT(net.layers[0].weight.to_vector<float>(), ElementsAre(1, 2));
  EXPECT_EQ(net.heads["out"].bias.item(), 6);
  EXPECT_EQ(named_tensors(net).at("scale.factor").item(), 2);
}

TEST(LoadInto, LeavesStayLeaves) {
  TemporaryFolder folder;
  save_safetensors(folder.path("w.safetensors"), Layer{Tensor::of({1, 2}, {2}), Tensor(3)});
  Layer layer{Tensor::zeros({2}), Tensor(0)};
  layer.weight.set_requires_grad();
  const Tensor copy = layer.weight;
  load_into(layer, folder.path("w.safetensors"));
  EXPECT_TRUE(layer.weight.requires_grad());
  EXPECT_THAT(copy.to_vector<float>(), ElementsAre(1, 2));
}

TEST(LoadInto, SaysAllThatDoesNotFitAndChangesNothing) {
  TemporaryFolder folder;
  const std::string path = folder.path("net.safetensors");
  save_safetensors(path, filled());
  struct Other {
    std::vector<Layer> layers;
    Tensor a, b, c, d, e;
  };
  Other other{{{Tensor::zeros({3}), Tensor::zeros({1}, DType::f64)}}, {}, {}, {}, {}, {}};
  const std::string error = error_of([&] { load_into(other, path); });
  EXPECT_THAT(error,
              HasSubstr("load_into: " + path +
                        " does not fit: 5 tensors are missing ('a', 'b', 'c', 'd', ...); 3 tensors are "
                        "not expected ('heads.out.bias', 'heads.out.weight', 'scale.factor'); 2 tensors "
                        "are of another type or shape ('layers.0.weight' is f32[2] and must be f32[3], "
                        "'layers.0.bias' is f32[1] and must be f64[1])"));
  EXPECT_EQ(other.layers[0].weight.shape(), Shape{3});
  other.layers[0] = {};
  load_into(other, path, {.strict = false});
  EXPECT_THAT(other.layers[0].weight.to_vector<float>(), ElementsAre(1, 2));
}

struct BadFile {
  const char* name;
  std::string bytes;
  const char* message;
};

void PrintTo(const BadFile& file, std::ostream* out) {
  *out << file.name;
}

class BadSafetensors : public testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, AreRefusedInOneLine) {
  TemporaryFolder folder;
  const std::string path = folder.write("x.safetensors", GetParam().bytes);
  const std::string expected = "cannot read " + path + ": " + GetParam().message;
  EXPECT_EQ(error_of([&] { load_safetensors(path); }), expected);
  EXPECT_EQ(error_of([&] { safetensors_metadata(path); }), expected);
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "\"w\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" + offsets + "]}";
}

const BadFile kBadFiles[] = {
    {"empty", "", "it is no safetensors file: it has only 0 bytes"},
    {"HugeHeader", std::string(8, '\x7f') + "{}",
     "it is no safetensors file: its header would have 9187201950435737471 bytes; at most 100000000 are "
     "allowed"},
    {"ShortHeader", std::string("\x09\0\0\0\0\0\0\0{}", 10),
     "it is truncated: its header has 9 bytes, 2 are there"},
    {"NoHeader", file_of(""), "it is no safetensors file: its header does not begin with '{'"},
    {"List", file_of("[]"), "it is no safetensors file: its header does not begin with '{'"},
    {"NotUtf8", file_of("{\"\xff\":1}"), "its header is not well-formed UTF-8"},
    {"Surrogate", file_of("{\"\\ud800\":1}"),
     "its header is not as it should be: a string has half of a surrogate pair (byte 8)"},
    {"NoEnd", file_of("{"), "its header is not as it should be: a '\"' is missing (byte 1)"},
    {"More", file_of("{} {"), "its header is not as it should be: there is more after its end (byte 3)"},
    {"Comma", file_of("{" + entry("F32", "1", "0,4") + ",}", "1234"),
     "its header is not as it should be: a '\"' is missing (byte 54)"},
    {"Nested", file_of("{\"w\":" + std::string(100000, '[')),
     "tensor 'w': its header is not as it should be: a '{' is missing (byte 5)"},
    {"Twice", file_of("{" + entry("F32", "1", "0,4") + "," + entry("F32", "1", "0,4") + "}", "1234"),
     "its header is not as it should be: the key 'w' is there twice (byte 57)"},
    {"Metadata", file_of("{\"__metadata__\":{\"a\":1}}"),
     "its header is not as it should be: a '\"' is missing (byte 21)"},
    {"Dtype", file_of("{" + entry("F8_E5M2", "4", "0,4") + "}", "1234"),
     "tensor 'w': its elements are of type 'F8_E5M2', which is not supported"},
    {"Negative", file_of("{" + entry("F32", "-1", "0,4") + "}", "1234"),
     "tensor 'w': its header is not as it should be: a number is no natural number (byte 29)"},
    {"Fraction", file_of("{" + entry("F32", "1.0", "0,4") + "}", "1234"),
     "tensor 'w': its header is not as it should be: a number is no natural number (byte 29)"},
    {"Zeros", file_of("{" + entry("F32", "01", "0,4") + "}", "1234"),
     "tensor 'w': its header is not as it should be: a number is no natural number (byte 29)"},
    {"HugeNumber", file_of("{" + entry("F32", "99999999999999999999", "0,4") + "}", "1234"),
     "tensor 'w': its header is not as it should be: a number is too large (byte 29)"},
    {"HugeSize", file_of("{" + entry("F32", "9223372036854775808", "0,4") + "}", "1234"),
     "tensor 'w': a dimension of 9223372036854775808 is not a size"},
    {"Overflow", file_of("{" + entry("F32", "4294967296,4294967296", "0,4") + "}", "1234"),
     "tensor 'w': a tensor of shape [4294967296, 4294967296] is too large"},
    {"Rank", file_of("{" + entry("F32", "1,1,1,1,1,1,1,1,1", "0,4") + "}", "1234"),
     "tensor 'w': it has more than 8 dimensions"},
    {"Bytes", file_of("{" + entry("F32", "2", "0,4") + "}", "1234"),
     "tensor 'w': f32[2] takes 8 bytes, but its data has 4"},
    {"Backwards", file_of("{" + entry("F32", "1", "4,0") + "}", "1234"),
     "tensor 'w': its data ends at 0, before it begins at 4"},
    {"Offsets", file_of("{" + entry("F32", "1", "0,4,8") + "}", "1234"),
     "tensor 'w': data_offsets has 3 numbers instead of 2"},
    {"Outside", file_of("{" + entry("F32", "2", "0,8") + "}", "1234"),
     "tensor 'w': it is truncated: its data lies at 0 to 8, 4 bytes are there"},
    {"Hole", file_of("{" + entry("F32", "1", "4,8") + "}", "12345678"),
     "tensor 'w': its data begins at 4, but what comes before it ends at 0"},
    {"Overlap",
     file_of("{" + entry("F32", "2", "0,8") +
                 ",\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
             "12345678"),
     "tensor 'v': its data begins at 4, but what comes before it ends at 8"},
    {"Rest", file_of("{" + entry("F32", "1", "0,4") + "}", "12345"), "it goes on after its 4 bytes of data"},
    {"Lacks", file_of("{\"w\":{\"dtype\":\"F32\"}}"), "tensor 'w': it lacks dtype, shape or data_offsets"},
    {"Unknown", file_of("{\"w\":{\"type\":\"F32\"}}"), "tensor 'w': it has the unknown entry 'type'"},
};

INSTANTIATE_TEST_SUITE_P(Safetensors, BadSafetensors, testing::ValuesIn(kBadFiles),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Safetensors, WhatCannotBeWrittenSaysWhy) {
  TemporaryFolder folder;
  const std::string path = folder.path("x.safetensors");
  EXPECT_THAT(error_of([&] { save_safetensors(path, {{"__metadata__", Tensor(1)}}); }),
              HasSubstr("a tensor cannot have the name '__metadata__'"));
  EXPECT_THAT(error_of([&] { save_safetensors(path, {{"\xff", Tensor(1)}}); }),
              HasSubstr("is not well-formed UTF-8"));
  EXPECT_THAT(error_of([&] {
                compile([&](Tensor x) {
                  save_safetensors(path, {{"x", x}});
                  return x;
                })(Tensor(1));
              }),
              HasSubstr("tensor 'x' has no elements"));
  EXPECT_THAT(error_of([&] { save_safetensors(folder.path("no/x"), {{"x", Tensor(1)}}); }),
              HasSubstr("cannot write"));
  EXPECT_THAT(error_of([&] { load_safetensors(path); }), HasSubstr("cannot open"));
}

} // namespace
} // namespace sinter
