// Small Caffe networks made by the tests themselves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sinter::test {

class TemporaryFolder;

/// A layer's blob.
struct CaffeBlob {
  std::vector<int64_t> dims;
  std::vector<float> values;
};

/// How a blob is written.
enum class CaffeBlobForm : uint8_t {
  shape,    ///< as Caffe writes it since 2014
  legacy,   ///< with num, channels, height and width
  doubles,  ///< elements of float64
  unpacked, ///< every element a field
};

/// A field of protobuf's wire format: a number, and bytes that a length precedes.
std::string wire_number(uint32_t field, uint64_t value);
std::string wire_bytes(uint32_t field, const std::string& bytes);
std::string caffe_blob(const CaffeBlob& blob, CaffeBlobForm form = CaffeBlobForm::shape);

/// A network, layer by layer; both files stay open to be spoiled.
class CaffeNet {
public:
  CaffeBlobForm form = CaffeBlobForm::shape;
  std::string text, weights;

  CaffeNet& input(const std::string& name, const std::vector<int64_t>& dims);
  /// `settings` is what the layer's braces hold besides.
  CaffeNet& layer(const std::string& type, const std::string& name, const std::vector<std::string>& bottoms,
                  const std::vector<std::string>& tops, const std::string& settings = "",
                  const std::vector<CaffeBlob>& blobs = {});
  /// Writes net.prototxt and net.caffemodel.
  void save(const TemporaryFolder& folder) const;
};

/// `count` small numbers made up from `seed`.
std::vector<float> made_up(int64_t count, uint64_t seed);
CaffeBlob made_up_blob(const std::vector<int64_t>& dims, uint64_t seed);

/// A network of many types of layers. Input data [2, 4, 8, 8], output prob [2, 5].
CaffeNet small_caffe_net();

} // namespace sinter::test
