// Reads the text in a photograph of one line: read_text MODEL.onnx IMAGE [KEYS.txt]
//
// The model is a CTC recogniser as PaddleOCR trains them: an image [1, 3, 48, W] in, the probability of every
// character at every step out, [1, steps, characters]. Its characters are in its metadata, or in a file with
// one a line.
#include <sinter/sinter.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace {

/// Text of one line from an image [H, W, 3], red first, as [1, 3, 48, W']: blue first, from -1 to 1.
sinter::Tensor prepare(const sinter::Tensor& image) {
  constexpr int64_t kHeight = 48;
  const int64_t width = std::max<int64_t>(1, (kHeight * image.size(1) + image.size(0) - 1) / image.size(0));
  const std::vector<uint8_t> pixels = sinter::resize_bilinear(image, kHeight, width).to_vector<uint8_t>();
  std::vector<float> planes(pixels.size());
  const auto area = static_cast<std::size_t>(kHeight * width);
  for (std::size_t i = 0; i < area; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      planes[c * area + i] = (static_cast<float>(pixels[i * 3 + (2 - c)]) / 255 - 0.5F) / 0.5F;
  return sinter::Tensor::of(std::span<const float>(planes), {1, 3, kHeight, width});
}

/// The likeliest character of every step; repetitions and blanks (class 0) say nothing. Class i is line i of
/// the keys, the last class is a space.
std::string decode(const sinter::Tensor& output, const std::vector<std::string>& keys) {
  const std::vector<float> scores = output.to_vector<float>();
  const auto classes = static_cast<std::size_t>(output.size(2));
  if (classes != keys.size() + 2)
    throw sinter::Error("the model tells " + std::to_string(classes) + " classes apart, which does not fit " +
                        std::to_string(keys.size()) + " characters, a blank and a space");
  std::string text;
  std::size_t last = 0;
  for (auto step = scores.begin(); step != scores.end(); step += static_cast<std::ptrdiff_t>(classes)) {
    const auto best =
        static_cast<std::size_t>(std::max_element(step, step + static_cast<std::ptrdiff_t>(classes)) - step);
    if (best != last && best != 0)
      text += best <= keys.size() ? keys[best - 1] : " ";
    last = best;
  }
  return text;
}

std::vector<std::string> read_keys(const sinter::Model& model, const char* file) {
  std::stringstream text;
  if (file == nullptr)
    text << model.metadata("character");
  else if (!(text << std::ifstream(file).rdbuf()))
    throw sinter::Error(std::string("cannot read the characters in ") + file);
  std::vector<std::string> keys;
  for (std::string line; std::getline(text, line);)
    keys.push_back(line);
  return keys;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fputs("usage: read_text MODEL.onnx IMAGE [KEYS.txt]\n", stderr);
    return 2;
  }
  try {
    sinter::Model model = sinter::Model::load(argv[1]);
    const std::vector<std::string> keys = read_keys(model, argc == 4 ? argv[3] : nullptr);
    const sinter::Tensor image = prepare(sinter::load_image(argv[2]));
    std::printf("%s\n", decode(model.run({image})[0], keys).c_str());
  } catch (const sinter::Error& error) {
    std::fprintf(stderr, "read_text: %s\n", error.what());
    return 2;
  }
  return 0;
}
