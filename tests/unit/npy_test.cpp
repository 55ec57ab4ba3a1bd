// Tensors in files: .npy and images.
#include "support/tool.h"

#include "sinter/data/image.h"
#include "sinter/data/npy.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace sinter::test {
namespace {

class Npy : public testing::Test {
protected:
  std::string load_error(const std::string& bytes) {
    const std::string path = folder_.write("x.npy", bytes);
    try {
      load_npy(path);
    } catch (const Error& error) {
      return std::string(error.what()).substr(std::string("cannot read ").size() + path.size());
    }
    return "no error";
  }

  TemporaryFolder folder_;
};

TEST_F(Npy, RoundTripOfEveryType) {
  const std::string path = folder_.path("x.npy");
  for (const DType dtype :
       {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean, DType::i8, DType::u8}) {
    const Tensor tensor = Tensor::ones({2, 3}, dtype);
    save_npy(path, tensor);
    const Tensor read = load_npy(path);
    EXPECT_EQ(to_string(read), to_string(tensor));
  }
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{0, 2}, Shape{1, 2, 3, 4}}) {
    save_npy(path, Tensor::zeros(shape));
    EXPECT_EQ(load_npy(path).shape(), shape);
  }
  // Only the file itself is left.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path("")), {}), 1);
}

TEST_F(Npy, StridedTensorsAreWrittenRowMajor) {
  save_npy(folder_.path("x.npy"), Tensor::of({1, 2, 3, 4}, {2, 2}).transpose(0, 1));
  EXPECT_THAT(load_npy(folder_.path("x.npy")).to_vector<float>(), testing::ElementsAre(1, 3, 2, 4));
}

TEST_F(Npy, ColumnMajorFilesAreUnderstood) {
  const std::string header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n";
  std::string bytes =
      std::string("\x93NUMPY\x02\x00", 8) + static_cast<char>(header.size()) + std::string(3, '\0') + header;
  bytes += std::string("\1\2\3\4\5\6", 6);
  EXPECT_THAT(load_npy(folder_.write("x.npy", bytes)).to_vector<uint8_t>(),
              testing::ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST_F(Npy, BooleansAreZeroOrOne) {
  const Tensor read = load_npy(folder_.write("x.npy", npy_bytes("|b1", "(2,)", std::string("\0\x7f", 2))));
  EXPECT_EQ(*(read.view().as<uint8_t>() + 1), 1);
}

TEST_F(Npy, DamagedFiles) {
  const std::string good = npy_zeros({2, 3});
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_NE(load_error(good.substr(0, length)), "no error") << length;
  for (std::size_t at = 0; at < good.size() - 24; ++at) { // anything but a crash
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x15);
    load_error(damaged);
  }
  const std::string start = ": ";
  EXPECT_EQ(load_error("this is no NumPy file"), start + "it is not a .npy file");
  EXPECT_EQ(load_error(good + "more"), start + "it goes on after its 24 bytes of elements");
  EXPECT_EQ(load_error(npy_bytes("<c8", "(1,)", "12345678")),
            start + "its elements are of type '<c8', which is not supported");
  EXPECT_EQ(load_error(npy_bytes("<f4", "(-1,)", "")), start + "its header has a bad extent");
  EXPECT_THAT(load_error(npy_bytes("<f4", "(4611686018427387904, 4611686018427387904)", "")),
              testing::StartsWith(start));
  EXPECT_THAT(load_error(npy_bytes("<f4", "(1099511627776,)", "")), testing::HasSubstr("it is truncated"));
  EXPECT_THAT(load_error(npy_bytes("<f4", "(1,1,1,1,1,1,1,1,1)", "abcd")), testing::StartsWith(start));
}

// Renaming a file onto it would replace it.
TEST_F(Npy, APipeIsWrittenToNotReplaced) {
  const Tensor tensor = Tensor::ones({2, 3});
  save_npy(folder_.path("x.npy"), tensor);
  const std::string pipe = folder_.path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int reader = open(pipe.c_str(), O_RDWR);
  save_npy(pipe, tensor);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  std::string bytes(4096, '\0');
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(read(reader, bytes.data(), bytes.size()), 0)));
  // The header and the elements are two writes, which a pipe joins.
  EXPECT_EQ(bytes, read_file(folder_.path("x.npy")));
  close(reader);
}

TEST_F(Npy, LinksStayAndWhatTheyPointAtIsWritten) {
  folder_.write("old.npy", "old");
  for (const char* target : {"old.npy", "new.npy"}) {
    const std::string link = folder_.path(std::string("to-") + target);
    std::filesystem::create_symlink(target, link);
    save_npy(link, Tensor::ones({2}));
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_EQ(load_npy(folder_.path(target)).shape(), Shape{2});
  }
}

TEST_F(Npy, NothingIsLeftOfAFileThatCannotBeWritten) {
  EXPECT_THROW(save_npy(folder_.path("none/x.npy"), Tensor::zeros({1})), Error);
  std::filesystem::create_directory(folder_.path("taken"));
  EXPECT_THROW(save_npy(folder_.path("taken"), Tensor::zeros({1})), Error);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path("")), {}), 1);
}

// A bitmap of 2 x 1 pixels: red, blue.
std::string small_bitmap() {
  std::string bytes("BM\x3e\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\x18\0", 30);
  bytes += std::string(24, '\0');
  return bytes + std::string("\0\0\xff\xff\0\0\0\0", 8);
}

TEST(Image, IsReadRedFirst) {
  const TemporaryFolder folder;
  const Tensor image = load_image(folder.write("x.bmp", small_bitmap()));
  EXPECT_EQ(image.shape(), (Shape{1, 2, 3}));
  EXPECT_THAT(image.to_vector<uint8_t>(), testing::ElementsAre(255, 0, 0, 0, 0, 255));
}

TEST(Image, DamagedFilesAreRefused) {
  const TemporaryFolder folder;
  EXPECT_THROW(load_image(folder.path("none")), Error);
  EXPECT_THROW(load_image(folder.write("x", "")), Error);
  EXPECT_THROW(load_image(folder.write("x", "no image")), Error);
  EXPECT_THROW(load_image(folder.write("x", small_bitmap().substr(0, 20))), Error);
}

TEST(Image, ResizesBetweenPixelCentres) {
  const Tensor image = Tensor::of({0, 4}, {1, 2, 1});
  EXPECT_THAT(resize_bilinear(image, 1, 4).to_vector<float>(), testing::ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(resize_bilinear(image, 2, 1).to_vector<float>(), testing::ElementsAre(2, 2));
  EXPECT_THROW(resize_bilinear(image, 0, 4), Error);
  EXPECT_THROW(resize_bilinear(Tensor::zeros({2, 2}), 1, 1), Error);
}

} // namespace
} // namespace sinter::test
