// What three layers are, as generated from their expressions, without ports and heads: see test_ir.py.

// clip 4

  for (genvar p = 0; p < 1; p++) begin : gen_lane
    logic signed [5:0] x;
    assign x = $signed(s_data_i[p*6 +: 6]);
    logic signed [5:0] y;
    assign y = (x > 6'sd15) ? x : 6'sd15;
    logic signed [5:0] y_q;
    assign data[p*6 +: 6] = y_q;
    always_ff @(posedge clk_i) if (go) begin
      y_q <= y;
    end
  end

// requantise 4
  logic [0:0] fold_1;
  always_ff @(posedge clk_i) if (go) fold_1 <= fold;

  // Constants of this beat's channels, lane after lane.
  logic [15:0] added_row;
  always_comb case (fold)
    1'd0: added_row = {-8'sd120, -8'sd92};
    default: added_row = {-8'sd63, -8'sd112};
  endcase

  for (genvar p = 0; p < 2; p++) begin : gen_lane
    logic signed [8:0] x;
    assign x = $signed({1'b0, s_data_i[p*8 +: 8]});
    logic signed [8:0] u;
    assign u = x + 9'($signed(added_row[p*8 +: 8]));
    logic signed [8:0] u_q;
    logic signed [5:0] q;
    assign q = 6'(u_q >>> 3);
    logic signed [5:0] chosen;
    assign chosen = (q >= 6'sd0) ? q : 6'sd0;
    logic signed [4:0] y;
    assign y = (chosen > 6'sd15) ? 5'sd15 : 5'(chosen);
    logic signed [4:0] y_q;
    assign data[p*4 +: 4] = 4'(y_q);
    always_ff @(posedge clk_i) if (go) begin
      u_q <= u;
      y_q <= y;
    end
  end

// threshold 7
  logic [1:0] fold_1;
  always_ff @(posedge clk_i) if (go) fold_1 <= fold;

  // Constants of this beat's channels, lane after lane.
  logic [1:0] down_row;
  always_comb case (fold)
    2'd0: down_row = 2'b10;
    2'd1: down_row = 2'b01;
    default: down_row = 2'b01;
  endcase
  localparam logic [9:0] bound0_0 = {5'sd7, 5'sd8};
  localparam logic [9:0] bound0_1 = {5'sd7, 5'sd5};
  localparam logic [9:0] bound0_2 = {5'sd8, -5'sd5};
  localparam logic [9:0] bound1_0 = {5'sd3, 5'sd3};
  localparam logic [9:0] bound1_1 = {5'sd8, 5'sd8};
  localparam logic [9:0] bound1_2 = {-5'sd6, 5'sd1};
  localparam logic [9:0] bound1_3 = {5'sd8, 5'sd8};
  localparam logic [9:0] bound1_4 = {-5'sd5, -5'sd8};
  localparam logic [9:0] bound1_5 = {5'sd8, 5'sd8};

  for (genvar p = 0; p < 2; p++) begin : gen_lane
    logic signed [3:0] x;
    assign x = $signed(s_data_i[p*4 +: 4]);
    logic signed [3:0] u;
    assign u = down_row[p] ? (~x) : x;
    logic signed [4:0] bound0;
    always_comb
    (* rom_style = "logic" *) case (fold)
      2'd0: bound0 = bound0_0[p*5 +: 5];
      2'd1: bound0 = bound0_1[p*5 +: 5];
      default: bound0 = bound0_2[p*5 +: 5];
    endcase
    logic level0;
    assign level0 = 5'(u) >= bound0;
    logic level0_q;
    logic signed [3:0] u_1;
    logic signed [4:0] bound1;
    always_comb
    (* rom_style = "logic" *) case ({fold_1, level0_q})
      3'd0: bound1 = bound1_0[p*5 +: 5];
      3'd1: bound1 = bound1_1[p*5 +: 5];
      3'd2: bound1 = bound1_2[p*5 +: 5];
      3'd3: bound1 = bound1_3[p*5 +: 5];
      3'd4: bound1 = bound1_4[p*5 +: 5];
      default: bound1 = bound1_5[p*5 +: 5];
    endcase
    logic signed [2:0] level1;
    assign level1 = (3'($signed({1'b0, level0_q})) <<< 1) + 3'($signed({1'b0, 5'(u_1) >= bound1}));
    logic signed [2:0] level1_q;
    assign data[p*2 +: 2] = 2'(level1_q);
    always_ff @(posedge clk_i) if (go) begin
      level0_q <= level0;
      u_1 <= u;
      level1_q <= level1;
    end
  end
