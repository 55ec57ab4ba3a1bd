// Small Caffe networks made by the tests themselves.
#include "support/caffe_builder.h"

#include "support/tool.h"

#include <cstring>
#include <random>

namespace sinter::test {
namespace {

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7)
    bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

} // namespace

std::string wire_number(uint32_t field, uint64_t value) {
  return varint(field << 3) + varint(value);
}

std::string wire_bytes(uint32_t field, const std::string& bytes) {
  return varint(field << 3 | 2) + varint(bytes.size()) + bytes;
}

std::string caffe_blob(const CaffeBlob& blob, CaffeBlobForm form) {
  std::string shape, data;
  if (form == CaffeBlobForm::legacy) {
    std::vector<int64_t> four(4 - blob.dims.size(), 1);
    four.insert(four.end(), blob.dims.begin(), blob.dims.end());
    for (uint32_t i = 0; i < 4; ++i)
      shape += wire_number(i + 1, static_cast<uint64_t>(four[i]));
  } else {
    std::string dims;
    for (const int64_t dim : blob.dims)
      dims += varint(static_cast<uint64_t>(dim));
    shape = wire_bytes(7, wire_bytes(1, dims));
  }
  for (const float value : blob.values)
    data += form == CaffeBlobForm::unpacked  ? varint(5 << 3 | 5) + raw(value)
            : form == CaffeBlobForm::doubles ? raw(static_cast<double>(value))
                                             : raw(value);
  if (form == CaffeBlobForm::unpacked)
    return shape + data;
  return shape + wire_bytes(form == CaffeBlobForm::doubles ? 8 : 5, data);
}

CaffeNet& CaffeNet::input(const std::string& name, const std::vector<int64_t>& dims) {
  std::string shape;
  for (const int64_t dim : dims)
    shape += " dim: " + std::to_string(dim);
  return layer("Input", name, {}, {name}, "input_param { shape {" + shape + " } }");
}

CaffeNet& CaffeNet::layer(const std::string& type, const std::string& name,
                          const std::vector<std::string>& bottoms, const std::vector<std::string>& tops,
                          const std::string& settings, const std::vector<CaffeBlob>& blobs) {
  text += "layer {\n  name: \"" + name + "\"\n  type: \"" + type + "\"\n";
  for (const std::string& bottom : bottoms)
    text += "  bottom: \"" + bottom + "\"\n";
  for (const std::string& top : tops)
    text += "  top: \"" + top + "\"\n";
  text += "  " + settings + "\n}\n";
  std::string stored = wire_bytes(1, name) + wire_bytes(2, type);
  for (const CaffeBlob& blob : blobs)
    stored += wire_bytes(7, caffe_blob(blob, form));
  weights += wire_bytes(100, stored);
  return *this;
}

void CaffeNet::save(const TemporaryFolder& folder) const {
  folder.write("net.prototxt", text);
  folder.write("net.caffemodel", weights);
}

std::vector<float> made_up(int64_t count, uint64_t seed) {
  std::mt19937_64 engine(seed * 7919 + 1);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(static_cast<double>(engine() >> 11) * 0x1p-53 * 2 - 1));
  return values;
}

CaffeBlob made_up_blob(const std::vector<int64_t>& dims, uint64_t seed) {
  int64_t count = 1;
  for (const int64_t dim : dims)
    count *= dim;
  return {dims, made_up(count, seed)};
}

CaffeNet small_caffe_net() {
  CaffeNet net;
  const CaffeBlob variance{{6}, {0.5F, 1, 2, 0.7F, 1.5F, 1}}, sums{{1}, {2}};
  net.input("data", {2, 4, 8, 8})
      .layer("Convolution", "conv1", {"data"}, {"conv1"},
             "convolution_param { num_output: 6 group: 2 kernel_size: 3 pad: 1 stride: 1 dilation: 1 }",
             {made_up_blob({6, 2, 3, 3}, 1), made_up_blob({6}, 2)})
      .layer("BatchNorm", "bn1", {"conv1"}, {"conv1"},
             "batch_norm_param { use_global_stats: true eps: 1e-4 }", {made_up_blob({6}, 3), variance, sums})
      .layer("Scale", "scale1", {"conv1"}, {"conv1"}, "scale_param { bias_term: true axis: 1 }",
             {made_up_blob({6}, 4), made_up_blob({6}, 5)})
      .layer("ReLU", "relu1", {"conv1"}, {"conv1"}, "relu_param { negative_slope: 0.1 }")
      .layer("LRN", "lrn1", {"conv1"}, {"lrn1"}, "lrn_param { local_size: 3 alpha: 0.1 beta: 0.75 }")
      .layer("Pooling", "pool1", {"lrn1"}, {"pool1"},
             "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }")
      .layer("Pooling", "pool2", {"conv1"}, {"pool2"}, "pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
      .layer("Slice", "slice", {"pool2"}, {"front", "back"}, "slice_param { axis: 1 slice_point: 2 }")
      .layer("Concat", "concat", {"back", "front"}, {"concat"}, "concat_param { axis: 1 }")
      .layer("PReLU", "prelu", {"concat"}, {"concat"}, "", {made_up_blob({6}, 6)})
      .layer("Crop", "crop", {"pool1", "concat"}, {"crop"}, "crop_param { axis: 2 offset: 1 offset: 0 }")
      .layer("Eltwise", "sum", {"crop", "concat"}, {"sum"},
             "eltwise_param { operation: SUM coeff: 1 coeff: 0.5 }")
      .layer("Reshape", "reshape", {"sum"}, {"reshape"},
             "reshape_param { shape { dim: 0 dim: -1 dim: 4 } axis: 0 }")
      .layer("Power", "power", {"reshape"}, {"power"}, "power_param { power: 2 scale: 0.5 shift: 1 }")
      .layer("InnerProduct", "fc", {"power"}, {"fc"}, "inner_product_param { num_output: 5 axis: 1 }",
             {made_up_blob({5, 96}, 7), made_up_blob({5}, 8)})
      .layer("Dropout", "drop", {"fc"}, {"fc"},
             "dropout_param { dropout_ratio: 0.5 } include { phase: TEST }")
      .layer("Softmax", "prob", {"fc"}, {"prob"}, "softmax_param { axis: 1 }");
  return net;
}

} // namespace sinter::test
