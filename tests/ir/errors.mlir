// What each operation's verifier refuses, and in which words.
// RUN: sinter-opt %s --split-input-file --verify-diagnostics

func.func @a(%x: tensor<2x3xf32>, %y: tensor<4xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{sinter.add: shapes do not broadcast: 'tensor<2x3xf32>', 'tensor<4xf32>'}}
  // expected-error @+1 {{'sinter.add' op failed to infer returned types}}
  %0 = sinter.add %x, %y : (tensor<2x3xf32>, tensor<4xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

func.func @b(%x: tensor<2x3xf32>, %y: tensor<4x5xf32>) -> tensor<2x5xf32> {
  // expected-error @+2 {{sinter.matmul: 'tensor<2x3xf32>' times 'tensor<4x5xf32>': 3 columns do not meet 4 rows}}
  // expected-error @+1 {{'sinter.matmul' op failed to infer returned types}}
  %0 = sinter.matmul %x, %y : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}

// -----

func.func @c(%x: tensor<2x3xf32>) -> tensor<2x2xf32> {
  // expected-error @+2 {{'sinter.relu' op inferred type(s) 'tensor<2x3xf32>' are incompatible with return type(s) of operation 'tensor<2x2xf32>'}}
  // expected-error @+1 {{'sinter.relu' op failed to infer returned types}}
  %0 = sinter.relu %x : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

func.func @d(%x: tensor<2x3xf32>) -> tensor<7xf32> {
  // expected-error @+2 {{sinter.reshape: input 'tensor<2x3xf32>' has 6 elements, which shape [7] does not hold}}
  // expected-error @+1 {{'sinter.reshape' op failed to infer returned types}}
  %0 = sinter.reshape %x {shape = array<i64: 7>} : (tensor<2x3xf32>) -> tensor<7xf32>
  return %0 : tensor<7xf32>
}

// -----

func.func @e(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{sinter.reduce_sum: axis 2 is out of range for 'tensor<2x3xf32>'}}
  // expected-error @+1 {{'sinter.reduce_sum' op failed to infer returned types}}
  %0 = sinter.reduce_sum %x {axes = array<i64: 2>} : (tensor<2x3xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @f(%x: tensor<1x3x4x4xf32>, %f: tensor<8x4x3x3xf32>) -> tensor<1x8x2x2xf32> {
  // expected-error @+2 {{sinter.conv: filter 'tensor<8x4x3x3xf32>' does not take the 3 channels per group of input 'tensor<1x3x4x4xf32>' in 1 groups}}
  // expected-error @+1 {{'sinter.conv' op failed to infer returned types}}
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x3x4x4xf32>, tensor<8x4x3x3xf32>) -> tensor<1x8x2x2xf32>
  return %0 : tensor<1x8x2x2xf32>
}

// -----

func.func @g(%x: tensor<1x3x4x4xf32>) -> tensor<1x3x2x2xf32> {
  // expected-error @+2 {{sinter.max_pool: kernel [3] has 1 entries; 2 are needed}}
  // expected-error @+1 {{'sinter.max_pool' op failed to infer returned types}}
  %0 = sinter.max_pool %x {kernel = array<i64: 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x3x4x4xf32>) -> tensor<1x3x2x2xf32>
  return %0 : tensor<1x3x2x2xf32>
}

// -----

func.func @h(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{sinter.softmax: axis 5 is out of range for 'tensor<2x3xf32>'}}
  // expected-error @+1 {{'sinter.softmax' op failed to infer returned types}}
  %0 = sinter.softmax %x {axis = 5} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

func.func @i(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  // expected-error @+2 {{sinter.transpose: permutation [0, 0] does not name every dimension of 'tensor<2x3xf32>' once}}
  // expected-error @+1 {{'sinter.transpose' op failed to infer returned types}}
  %0 = sinter.transpose %x {permutation = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// -----

func.func @j(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) -> tensor<4x3xf32> {
  // expected-error @+2 {{sinter.concat: input 1, 'tensor<2x4xf32>', does not continue input 0, 'tensor<2x3xf32>', along axis 0}}
  // expected-error @+1 {{'sinter.concat' op failed to infer returned types}}
  %0 = sinter.concat %x, %y {axis = 0} : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// -----

func.func @k(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  // expected-error @+2 {{sinter.slice: starts [0, 0], sizes [2, 4] and steps [1, 1] leave dimension 1 of input 'tensor<2x3xf32>'}}
  // expected-error @+1 {{'sinter.slice' op failed to infer returned types}}
  %0 = sinter.slice %x {starts = array<i64: 0, 0>, sizes = array<i64: 2, 4>, steps = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @l(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'sinter.fusion' op block arguments do not match the operands}}
  %0 = sinter.fusion %x : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<5xf32>):
    %1 = sinter.relu %a : (tensor<5xf32>) -> tensor<5xf32>
    sinter.yield %1 : tensor<5xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @m(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'sinter.launch' op launches @nothing, which is not a kernel}}
  %0 = sinter.launch @nothing(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// expected-error @+1 {{layout order is not a permutation}}
func.func @n(%x: tensor<4x4xf32, #sinter.layout<order = [0, 0], blocked = 1, block = 8>>) {
  return
}

// -----

// expected-error @+1 {{layout of rank 3 on a tensor of rank 2}}
func.func @o(%x: tensor<4x4xf32, #sinter.layout<order = [0, 1, 2], blocked = 1, block = 8>>) {
  return
}

// -----

func.func @p(%x: tensor<4x4xf32>) -> tensor<4x5xf32> {
  // expected-error @+1 {{'sinter.convert_layout' op changes more than the layout: 'tensor<4x4xf32>' to 'tensor<4x5xf32>'}}
  %0 = sinter.convert_layout %x : (tensor<4x4xf32>) -> tensor<4x5xf32>
  return %0 : tensor<4x5xf32>
}

// -----

func.func @q() -> tensor<1xf32> {
  %a = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %i = sinter.constant dense<[7]> : tensor<1xi64>
  // expected-error @+1 {{'sinter.gather' op index 7 is out of range for axis 0 of input 'tensor<2xf32>'}}
  %0 = sinter.gather %a, %i {axis = 0} : (tensor<2xf32>, tensor<1xi64>) -> tensor<1xf32>
  return %0 : tensor<1xf32>
}

// -----

func.func @r(%x: tensor<2x8xf32>, %w: tensor<8x8xf32>) -> tensor<2x8xf32> {
  // expected-error @+1 {{'sinter.fusion' op has more than one root: sinter.matmul}}
  %0 = sinter.fusion %x, %w : (tensor<2x8xf32>, tensor<8x8xf32>) -> tensor<2x8xf32> {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<8x8xf32>):
    %1 = sinter.matmul %a, %b : (tensor<2x8xf32>, tensor<8x8xf32>) -> tensor<2x8xf32>
    %2 = sinter.matmul %1, %b : (tensor<2x8xf32>, tensor<8x8xf32>) -> tensor<2x8xf32>
    sinter.yield %2 : tensor<2x8xf32>
  }
  return %0 : tensor<2x8xf32>
}

// -----

func.func @s(%x: tensor<2x8xf32>, %w: tensor<2x8xi32>) -> tensor<2x8xf32> {
  // expected-error @+2 {{sinter.add: element types differ: 'tensor<2x8xf32>', 'tensor<2x8xi32>'}}
  // expected-error @+1 {{'sinter.add' op failed to infer returned types}}
  %0 = sinter.add %x, %w : (tensor<2x8xf32>, tensor<2x8xi32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

func.func @t(%x: tensor<1x2x4x4xf32>, %p: tensor<3xf32>) -> tensor<1x2x4x4xf32> {
  // expected-error @+1 {{'sinter.batch_norm' op scale is 'tensor<3xf32>' where 'tensor<2xf32>' is expected for an input 'tensor<1x2x4x4xf32>'}}
  %0 = sinter.batch_norm %x, %p, %p, %p, %p {epsilon = 1.0e-5} : (tensor<1x2x4x4xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x2x4x4xf32>
  return %0 : tensor<1x2x4x4xf32>
}

// -----

func.func @u(%x: tensor<1x4x6x6xf32>, %y: tensor<1x8x4x5xf32>) -> tensor<8x4x3x3xf32> {
  // expected-error @+2 {{sinter.conv_filter_gradient: input 'tensor<1x4x6x6xf32>' and cotangent 'tensor<1x8x4x5xf32>': a convolution of this input does not give [4, 5] positions}}
  // expected-error @+1 {{'sinter.conv_filter_gradient' op failed to infer returned types}}
  %0 = sinter.conv_filter_gradient %x, %y {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x4x6x6xf32>, tensor<1x8x4x5xf32>) -> tensor<8x4x3x3xf32>
  return %0 : tensor<8x4x3x3xf32>
}

// -----

func.func @v(%q: tensor<3x4xf32>, %k: tensor<3x4xf64>) -> tensor<3x4xf32> {
  // expected-error @+2 {{sinter.attention: query [3, 4], key [3, 4], value [3, 4]: element types differ}}
  // expected-error @+1 {{'sinter.attention' op failed to infer returned types}}
  %0 = sinter.attention %q, %k, %q {scale = 5.000000e-01 : f64} : (tensor<3x4xf32>, tensor<3x4xf64>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

func.func @v(%q: tensor<3x4xf16>, %m: tensor<3x3xbf16>) -> tensor<3x4xf16> {
  // expected-error @+2 {{sinter.attention: mask 'tensor<3x3xbf16>' is not 'f16' or f32 that broadcasts to the scores [3, 3]}}
  // expected-error @+1 {{'sinter.attention' op failed to infer returned types}}
  %0 = sinter.attention %q, %q, %q, %m {scale = 5.000000e-01 : f64} : (tensor<3x4xf16>, tensor<3x4xf16>, tensor<3x4xf16>, tensor<3x3xbf16>) -> tensor<3x4xf16>
  return %0 : tensor<3x4xf16>
}

// -----

func.func @scatter_updates(%x: tensor<5x3xf32>, %i: tensor<2xi64>, %u: tensor<2x4xf32>) -> tensor<5x3xf32> {
  // expected-error @+2 {{sinter.scatter_add: updates 'tensor<2x4xf32>' are not the slices [2, 3] of input 'tensor<5x3xf32>' that indices 'tensor<2xi64>' name}}
  // expected-error @+1 {{'sinter.scatter_add' op failed to infer returned types}}
  %0 = sinter.scatter_add %x, %i, %u {axis = 0} : (tensor<5x3xf32>, tensor<2xi64>, tensor<2x4xf32>) -> tensor<5x3xf32>
  return %0 : tensor<5x3xf32>
}

// -----

func.func @scatter_axis(%x: tensor<5x3xf32>, %i: tensor<2xi64>, %u: tensor<2x3xf32>) -> tensor<5x3xf32> {
  // expected-error @+2 {{sinter.scatter_add: axis 2 is not a dimension of input 'tensor<5x3xf32>'}}
  // expected-error @+1 {{'sinter.scatter_add' op failed to infer returned types}}
  %0 = sinter.scatter_add %x, %i, %u {axis = 2} : (tensor<5x3xf32>, tensor<2xi64>, tensor<2x3xf32>) -> tensor<5x3xf32>
  return %0 : tensor<5x3xf32>
}

// -----

func.func @scatter_index(%x: tensor<5x3xf32>, %u: tensor<1x3xf32>) -> tensor<5x3xf32> {
  %i = sinter.constant dense<[-6]> : tensor<1xi64>
  // expected-error @+1 {{'sinter.scatter_add' op index -6 is out of range for axis 0 of input 'tensor<5x3xf32>'}}
  %0 = sinter.scatter_add %x, %i, %u {axis = 0} : (tensor<5x3xf32>, tensor<1xi64>, tensor<1x3xf32>) -> tensor<5x3xf32>
  return %0 : tensor<5x3xf32>
}

// -----

func.func @windows(%v: tensor<1x1x3xf32>) -> tensor<1x1x9xf32> {
  // expected-error @+2 {{sinter.avg_pool_transpose: values 'tensor<1x1x3xf32>' are not the windows of an input [1, 1, 9]}}
  // expected-error @+1 {{'sinter.avg_pool_transpose' op failed to infer returned types}}
  %0 = sinter.avg_pool_transpose %v {sizes = array<i64: 9>, kernel = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>, pad_begin = array<i64: 0>, pad_end = array<i64: 0>} : (tensor<1x1x3xf32>) -> tensor<1x1x9xf32>
  return %0 : tensor<1x1x9xf32>
}

// -----

func.func @taps(%x: tensor<1x1x6xf32>, %i: tensor<1x1x2xi32>) -> tensor<1x1x3xf32> {
  // expected-error @+2 {{sinter.window_gather: index 'tensor<1x1x2xi32>' has not one number for each window}}
  // expected-error @+1 {{'sinter.window_gather' op failed to infer returned types}}
  %0 = sinter.window_gather %x, %i {kernel = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>, pad_begin = array<i64: 0>, pad_end = array<i64: 0>} : (tensor<1x1x6xf32>, tensor<1x1x2xi32>) -> tensor<1x1x3xf32>
  return %0 : tensor<1x1x3xf32>
}

// -----

func.func @loss_classes(%x: tensor<4x3xf32>, %c: tensor<3xi64>) -> tensor<4xf32> {
  // expected-error @+2 {{sinter.sparse_cross_entropy: classes 'tensor<3xi64>' are not one for each of the [4] lines of the logits 'tensor<4x3xf32>' along axis 1}}
  // expected-error @+1 {{'sinter.sparse_cross_entropy' op failed to infer returned types}}
  %0 = sinter.sparse_cross_entropy %x, %c {axis = 1} : (tensor<4x3xf32>, tensor<3xi64>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @loss_axis(%x: tensor<4x3xf32>) -> tensor<4xf32> {
  // expected-error @+2 {{sinter.cross_entropy: axis 2 is not a dimension of logits 'tensor<4x3xf32>'}}
  // expected-error @+1 {{'sinter.cross_entropy' op failed to infer returned types}}
  %0 = sinter.cross_entropy %x, %x {axis = 2} : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @loss_class(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  %c = sinter.constant dense<[0, 3]> : tensor<2xi64>
  // expected-error @+1 {{'sinter.sparse_cross_entropy' op class 3 is out of range for axis 1 of logits 'tensor<2x3xf32>'}}
  %0 = sinter.sparse_cross_entropy %x, %c {axis = 1} : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
