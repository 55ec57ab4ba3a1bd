// RUN: sinter-opt %s --sinter-raise-patterns --cse | FileCheck %s

// CHECK-LABEL: func.func @hard_swish
// CHECK-NEXT: %[[R:.*]] = sinter.hard_swish %arg0
// CHECK-NEXT: return %[[R]], %[[R]], %[[R]], %[[R]]
func.func @hard_swish(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %three = sinter.constant dense<3.0> : tensor<f32>
  %six = sinter.constant dense<6.0> : tensor<f32>
  %sixth = sinter.constant dense<0.16666667> : tensor<f32>
  // (x * clip(x + 3)) / 6
  %0 = sinter.add %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = sinter.clip %0 {low = 0.0, high = 6.0} : (tensor<8xf32>) -> tensor<8xf32>
  %2 = sinter.mul %x, %1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %3 = sinter.div %2, %six : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  // x * (clip(3 + x) * 1/6)
  %4 = sinter.add %three, %x : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %5 = sinter.clip %4 {low = 0.0, high = 6.0} : (tensor<8xf32>) -> tensor<8xf32>
  %6 = sinter.mul %5, %sixth : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %7 = sinter.mul %6, %x : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  // x / 6 * clip(x + 3)
  %8 = sinter.div %x, %six : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %9 = sinter.add %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %10 = sinter.clip %9 {low = 0.0, high = 6.0} : (tensor<8xf32>) -> tensor<8xf32>
  %11 = sinter.mul %8, %10 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  // x * hard_sigmoid(x)
  %12 = sinter.hard_sigmoid %x {alpha = 0.16666667, beta = 0.5} : (tensor<8xf32>) -> tensor<8xf32>
  %13 = sinter.mul %x, %12 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %3, %7, %11, %13 : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}

// A value of the chain that is used elsewhere keeps the chain as it is.
// CHECK-LABEL: func.func @used_elsewhere
// CHECK: sinter.clip
// CHECK-NOT: sinter.hard_swish
func.func @used_elsewhere(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %three = sinter.constant dense<3.0> : tensor<f32>
  %six = sinter.constant dense<6.0> : tensor<f32>
  %0 = sinter.add %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = sinter.clip %0 {low = 0.0, high = 6.0} : (tensor<8xf32>) -> tensor<8xf32>
  %2 = sinter.mul %x, %1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %3 = sinter.div %2, %six : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %3, %1 : tensor<8xf32>, tensor<8xf32>
}

// CHECK-LABEL: func.func @hard_sigmoid
// CHECK-NEXT: sinter.hard_sigmoid %arg0 {alpha = 0.1666{{[0-9]+}} : f64, beta = 5.000000e-01 : f64}
// CHECK-NEXT: sinter.hard_sigmoid %arg0 {alpha = 2.0{{[0-9e+]*}} : f64, beta = 5.000000e-01 : f64}
func.func @hard_sigmoid(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %three = sinter.constant dense<3.0> : tensor<f32>
  %six = sinter.constant dense<6.0> : tensor<f32>
  %two = sinter.constant dense<2.0> : tensor<f32>
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.add %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = sinter.clip %0 {low = 0.0, high = 6.0} : (tensor<8xf32>) -> tensor<8xf32>
  %2 = sinter.div %1, %six : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = sinter.mul %x, %two : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %4 = sinter.add %3, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %5 = sinter.clip %4 {low = 0.0, high = 1.0} : (tensor<8xf32>) -> tensor<8xf32>
  return %2, %5 : tensor<8xf32>, tensor<8xf32>
}

// CHECK-LABEL: func.func @silu
// CHECK-NEXT: sinter.silu %arg0
func.func @silu(%x: tensor<8xf32>) -> tensor<8xf32> {
  %one = sinter.constant dense<1.0> : tensor<f32>
  %0 = sinter.neg %x : (tensor<8xf32>) -> tensor<8xf32>
  %1 = sinter.exp %0 : (tensor<8xf32>) -> tensor<8xf32>
  %2 = sinter.add %1, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = sinter.div %one, %2 : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %4 = sinter.mul %3, %x : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %4 : tensor<8xf32>
}

// CHECK-LABEL: func.func @gelu
// CHECK-NEXT: %[[E:.*]] = sinter.gelu %arg0 :
// CHECK-NEXT: %[[T:.*]] = sinter.gelu %arg0 {tanh_approximation = true}
// CHECK-NEXT: return %[[E]], %[[E]], %[[T]]
func.func @gelu(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %one = sinter.constant dense<1.0> : tensor<f32>
  %half = sinter.constant dense<0.5> : tensor<f32>
  %root2 = sinter.constant dense<1.41421354> : tensor<f32>
  %inverse = sinter.constant dense<0.707106769> : tensor<f32>
  %k = sinter.constant dense<0.797884583> : tensor<f32>
  %c = sinter.constant dense<0.044715> : tensor<f32>
  %three = sinter.constant dense<3.0> : tensor<f32>
  // x * (1 + erf(x / sqrt 2)) * 0.5
  %0 = sinter.div %x, %root2 : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = sinter.erf %0 : (tensor<8xf32>) -> tensor<8xf32>
  %2 = sinter.add %1, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = sinter.mul %x, %2 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %4 = sinter.mul %3, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  // 0.5 * x * (1 + erf(x * 0.707))
  %5 = sinter.mul %x, %inverse : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %6 = sinter.erf %5 : (tensor<8xf32>) -> tensor<8xf32>
  %7 = sinter.add %one, %6 : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %8 = sinter.mul %half, %x : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %9 = sinter.mul %8, %7 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  // 0.5 * x * (1 + tanh(k * (x + c * x^3)))
  %10 = sinter.pow %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %11 = sinter.mul %10, %c : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %12 = sinter.add %x, %11 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %13 = sinter.mul %12, %k : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %14 = sinter.tanh %13 : (tensor<8xf32>) -> tensor<8xf32>
  %15 = sinter.add %14, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %16 = sinter.mul %x, %15 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %17 = sinter.mul %16, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %4, %9, %17 : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}

// CHECK-LABEL: func.func @layer_norm
// CHECK-NEXT: sinter.layer_norm %arg0, %arg1, %arg2 {axis = 2 : i64, epsilon = 9.99{{.*}} : f64}
// CHECK-NEXT: return
func.func @layer_norm(%x: tensor<2x3x8xf32>, %scale: tensor<8xf32>, %bias: tensor<8xf32>) -> tensor<2x3x8xf32> {
  %two = sinter.constant dense<2.0> : tensor<f32>
  %epsilon = sinter.constant dense<1.0e-5> : tensor<f32>
  %0 = sinter.reduce_mean %x {axes = array<i64: 2>, keep_dims = true} : (tensor<2x3x8xf32>) -> tensor<2x3x1xf32>
  %1 = sinter.sub %x, %0 : (tensor<2x3x8xf32>, tensor<2x3x1xf32>) -> tensor<2x3x8xf32>
  %2 = sinter.pow %1, %two : (tensor<2x3x8xf32>, tensor<f32>) -> tensor<2x3x8xf32>
  %3 = sinter.reduce_mean %2 {axes = array<i64: 2>, keep_dims = true} : (tensor<2x3x8xf32>) -> tensor<2x3x1xf32>
  %4 = sinter.add %3, %epsilon : (tensor<2x3x1xf32>, tensor<f32>) -> tensor<2x3x1xf32>
  %5 = sinter.sqrt %4 : (tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  %6 = sinter.div %1, %5 : (tensor<2x3x8xf32>, tensor<2x3x1xf32>) -> tensor<2x3x8xf32>
  %7 = sinter.mul %6, %scale : (tensor<2x3x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32>
  %8 = sinter.add %7, %bias : (tensor<2x3x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32>
  return %8 : tensor<2x3x8xf32>
}

// CHECK-LABEL: func.func @layer_norm_plain
// CHECK-NEXT: %[[ONES:.*]] = sinter.constant dense<1.000000e+00> : tensor<3x8xf32>
// CHECK-NEXT: sinter.layer_norm %arg0, %[[ONES]] {axis = 1 : i64
func.func @layer_norm_plain(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  %epsilon = sinter.constant dense<1.0e-5> : tensor<f32>
  %0 = sinter.reduce_mean %x {axes = array<i64: 1, 2>, keep_dims = true} : (tensor<2x3x8xf32>) -> tensor<2x1x1xf32>
  %1 = sinter.sub %x, %0 : (tensor<2x3x8xf32>, tensor<2x1x1xf32>) -> tensor<2x3x8xf32>
  %2 = sinter.mul %1, %1 : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %3 = sinter.reduce_mean %2 {axes = array<i64: 1, 2>, keep_dims = true} : (tensor<2x3x8xf32>) -> tensor<2x1x1xf32>
  %4 = sinter.add %3, %epsilon : (tensor<2x1x1xf32>, tensor<f32>) -> tensor<2x1x1xf32>
  %5 = sinter.rsqrt %4 : (tensor<2x1x1xf32>) -> tensor<2x1x1xf32>
  %6 = sinter.mul %1, %5 : (tensor<2x3x8xf32>, tensor<2x1x1xf32>) -> tensor<2x3x8xf32>
  return %6 : tensor<2x3x8xf32>
}

// CHECK-LABEL: func.func @softmax
// CHECK-NEXT: sinter.softmax %arg0 {axis = 1 : i64}
func.func @softmax(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = sinter.reduce_max %x {axes = array<i64: 1>, keep_dims = true} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %1 = sinter.sub %x, %0 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %2 = sinter.exp %1 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = sinter.reduce_sum %2 {axes = array<i64: 1>, keep_dims = true} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %4 = sinter.div %2, %3 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %4 : tensor<2x8xf32>
}

// CHECK-LABEL: func.func @clips
// CHECK-NEXT: sinter.relu %arg0
// CHECK-NEXT: sinter.clip %arg0 {high = 6.000000e+00 : f64, low = -1.000000e+00 : f64}
func.func @clips(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %zero = sinter.constant dense<0.0> : tensor<f32>
  %low = sinter.constant dense<-1.0> : tensor<f32>
  %high = sinter.constant dense<6.0> : tensor<f32>
  %0 = sinter.maximum %x, %zero : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = sinter.maximum %low, %x : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %2 = sinter.minimum %1, %high : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %0, %2 : tensor<8xf32>, tensor<8xf32>
}

// Bounds that a double cannot hold stay as they are; so do integers that only look like an activation.
// CHECK-LABEL: func.func @integers
// CHECK-NOT: sinter.clip
// CHECK-NOT: sinter.hard_sigmoid
func.func @integers(%x: tensor<4xi64>, %c: tensor<4xi32>) -> (tensor<4xi64>, tensor<4xi32>) {
  %low = sinter.constant dense<-9007199254740993> : tensor<i64>
  %high = sinter.constant dense<9007199254740993> : tensor<i64>
  %0 = sinter.maximum %x, %low : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
  %1 = sinter.minimum %0, %high : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
  %three = sinter.constant dense<3> : tensor<i32>
  %six = sinter.constant dense<6> : tensor<i32>
  %zero = sinter.constant dense<0> : tensor<i32>
  %2 = sinter.add %c, %three : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %3 = sinter.maximum %2, %zero : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %4 = sinter.div %3, %six : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  return %1, %4 : tensor<4xi64>, tensor<4xi32>
}
