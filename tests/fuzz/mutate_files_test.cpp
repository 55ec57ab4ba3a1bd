// Damaged files of tensors and damaged saved functions end in sinter::Error or in a result, never in anything
// else.
//
// SINTER_FUZZ_CASES: how many of each; SINTER_FUZZ_SEED: the first.
#include "fuzz/file_mutation.h"
#include "support/tool.h"

#include "frontend/saved/saved_program.h"
#include "sinter/sinter.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <regex>

namespace sinter::test {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != 0 ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Calls `use`; the message of the Error, or "" if there was none.
std::string error_of(const std::function<void()>& use) {
  try {
    use();
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

/// Calls `use` with the seed of every case; it says whether the damage was refused.
void for_each_case(const std::function<bool(uint64_t)>& use) {
  const uint64_t cases = from_environment("SINTER_FUZZ_CASES", 300);
  const uint64_t first = from_environment("SINTER_FUZZ_SEED", 1);
  uint64_t refused = 0;
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE("SINTER_FUZZ_CASES=1 SINTER_FUZZ_SEED=" + std::to_string(seed));
    if (std::getenv("SINTER_FUZZ_VERBOSE") != nullptr)
      std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    refused += use(seed);
  }
  std::fprintf(stderr, "%llu of %llu refused\n", static_cast<unsigned long long>(refused),
               static_cast<unsigned long long>(cases));
  if (cases >= 100) {
    EXPECT_GT(refused, cases / 4) << "most damage should be noticed";
    EXPECT_LT(refused, cases) << "some damage leaves what can be used";
  }
}

TEST(FuzzFiles, DamagedTensorsFailCleanly) {
  TemporaryFolder folder;
  const std::string path = folder.path("t.safetensors");
  save_safetensors(path,
                   {{"layers.0.weight", Tensor::normal({8, 3, 2}, 1)},
                    {"ids", Tensor::of(std::vector<int64_t>{1, 2, 3}, {3})},
                    {"flags", Tensor::full({5}, 1, DType::boolean)},
                    {"none", Tensor::zeros({0, 4})},
                    {"scalar", Tensor(1)}},
                   {{"format", "pt"}, {"text", "a \"quoted\" line\n"}});
  const std::string file = read_file(path);
  ASSERT_EQ(error_of([&] { load_safetensors(path); }), "");
  for_each_case([&](uint64_t seed) {
    folder.write("t.safetensors", mutate_safetensors(file, seed));
    return !error_of([&] {
              for (const auto& [name, tensor] : load_safetensors(path))
                tensor.clone(); // every element is there
              safetensors_metadata(path);
            }).empty();
  });
}

// Programs that have most kinds of operations.

Tensor convolve(Tensor x) {
  const Tensor filter = Tensor::normal({8, 3, 3, 3}, 1), scale = Tensor::uniform({8}, 2, 0.5, 1);
  x = relu(batch_norm(conv(x, filter, {.strides = {2, 2}, .padding = {1}}), scale, scale, scale, scale));
  x = max_pool(x, {.kernel = {2, 2}, .strides = {2, 2}});
  x = resize(conv_transpose(x, Tensor::normal({8, 4, 2, 2}, 3), {.strides = {2, 2}}), {1, 4, 6, 6});
  return softmax(
      linear(flatten(avg_pool(x, {.kernel = {3, 3}, .strides = {3, 3}}), 1), Tensor::normal({5, 16}, 4)));
}

Tensor attend(Tensor x) {
  const Tensor weight = Tensor::normal({12, 12}, 5), ones = Tensor::ones({12});
  const Tensor rows = gather(Tensor::normal({40, 12}, 6), argmax(x, -1), 0);
  const Tensor q = reshape(matmul(layer_norm(x + rows, ones), weight), {1, 2, 4, 6});
  const Tensor mixed = scaled_dot_product_attention(q, q * 0.5, gelu(q));
  const Tensor all = concat({mixed, pad(slice(mixed, 2, 1, 4), {0, 0, 1, 0}, {0, 0, 0, 0})}, 3);
  const Tensor table = scatter_add(Tensor::zeros({12, 12}), argmax(x, -1), x, 0);
  return sum(where(all > 0, permute(all, {0, 1, 2, 3}), exp(all)), {3}, true) + mean(table) +
         cast(cast(max(x), DType::i64), DType::f32);
}

Tensor loop(Tensor x) {
  const Tensor weight = Tensor::normal({16, 16}, 7, 0, 0.2);
  struct State {
    Tensor value, count;
  };
  const State end = while_loop(
      State{x, Tensor(0)}, [](const State& s) { return s.count < 3; },
      [&](const State& s) { return State{tanh(matmul(s.value, weight)), s.count + 1}; },
      {.max_iterations = 4});
  const auto [last, steps] = scan(
      [&](Tensor carry, Tensor slice) {
        const Tensor next = carry * 0.5 + slice;
        return std::pair{next, sum(next)};
      },
      Tensor::zeros({16}), end.value);
  const Tensor branch = cond(
      sum(last) > 0, [&] { return last * 2; },
      [&] { return reshape(matmul(reshape(last, {1, 16}), weight), {16}); });
  return checkpoint([](Tensor a) { return sigmoid(a); })(branch) + sum(steps);
}

struct Program {
  std::string text;
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

template <class F>
Program saved_program(const TemporaryFolder& folder, F f, const Tensor& input) {
  const std::string path = folder.path("whole.sinter");
  compile([f](Tensor x) { return f(x); }).save(path, input);
  Program program{"", load_safetensors(path), safetensors_metadata(path)};
  program.text = program.metadata.at(saved::kProgramKey);
  return program;
}

std::vector<Program> programs(const TemporaryFolder& folder) {
  return {saved_program(folder, convolve, Tensor::uniform({1, 3, 16, 16}, 1)),
          saved_program(folder, attend, Tensor::uniform({4, 12}, 2)),
          saved_program(folder, loop, Tensor::uniform({3, 16}, 3))};
}

// Compiling takes its time: the interpreter runs what is loaded, and compiled code every tenth of it.
std::string load_and_run(const std::string& path, bool compiled) {
  return error_of([&] {
    Model model = Model::load(path, {.threads = 1});
    std::vector<Tensor> inputs;
    for (const ModelValue& value : model.inputs()) {
      const Shape shape(value.dims);
      if (checked_bytes(shape.dims(), 8) > (1 << 20))
        throw Error("the input is too large for this test");
      inputs.push_back(Tensor::full(shape, 0.5, value.dtype));
    }
    if (compiled)
      model.run(inputs);
    else
      model.interpret(inputs);
  });
}

TEST(FuzzFiles, TheProgramsThemselvesRun) {
  TemporaryFolder folder;
  for (const Program& program : programs(folder)) {
    save_safetensors(folder.path("f.sinter"), program.tensors, program.metadata);
    EXPECT_EQ(load_and_run(folder.path("f.sinter"), true), "");
    EXPECT_EQ(load_and_run(folder.path("f.sinter"), false), "");
  }
}

TEST(FuzzFiles, DamagedFilesOfProgramsFailCleanly) {
  TemporaryFolder folder;
  const std::string path = folder.path("f.sinter");
  std::vector<std::string> files;
  for (const Program& program : programs(folder)) {
    save_safetensors(path, program.tensors, program.metadata);
    files.push_back(read_file(path));
  }
  for_each_case([&](uint64_t seed) {
    folder.write("f.sinter", mutate_safetensors(files[seed % files.size()], seed));
    return !load_and_run(path, seed % 10 == 0).empty();
  });
}

// A loop without a bound, or with a far one, may go on for as long as its maker wants.
bool may_go_on(const std::string& text) {
  static const std::regex bounded("max_iterations = [0-9]{1,2} : i64");
  return text.find("sinter.while") != std::string::npos && !std::regex_search(text, bounded);
}

// With the checksum that the damaged text should have.
TEST(FuzzFiles, DamagedProgramsFailCleanly) {
  TemporaryFolder folder;
  const std::string path = folder.path("f.sinter");
  const std::vector<Program> whole = programs(folder);
  for_each_case([&](uint64_t seed) {
    Program program = whole[seed % whole.size()];
    const std::string text = mutate_program(program.text, seed);
    program.metadata[saved::kProgramKey] = text;
    program.metadata[saved::kChecksumKey] = saved::checksum_of(text);
    try {
      save_safetensors(path, program.tensors, program.metadata);
    } catch (const Error&) { // no text that can be in a file
      return true;
    }
    if (may_go_on(text))
      return !error_of([&] { Model::load(path); }).empty();
    return !load_and_run(path, seed % 10 == 0).empty();
  });
}

} // namespace
} // namespace sinter::test
