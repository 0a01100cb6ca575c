// Asks the running node for one object and says where it is:
//   ros2 run ppcr_cpp_client ask the small green ball

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "ppcr_ros/action/segment_referring.hpp"
#include "ppcr_ros/msg/referring_segmentation.hpp"
#include "rclcpp/rclcpp.hpp"
#include "rclcpp_action/rclcpp_action.hpp"

using SegmentReferring = ppcr_ros::action::SegmentReferring;
using Result = ppcr_ros::msg::ReferringSegmentation;
using namespace std::chrono_literals;

// Waits for a future, and for no longer than the server is there.
template<typename FutureT, typename ClientT>
bool wait_for(const rclcpp::Node::SharedPtr & node, FutureT & future, ClientT & client)
{
  while (rclcpp::spin_until_future_complete(node, future, 1s) != rclcpp::FutureReturnCode::SUCCESS) {
    if (!rclcpp::ok() || !client.action_server_is_ready()) {
      return false;
    }
  }
  return true;
}

int main(int argc, char ** argv)
{
  const auto words = rclcpp::init_and_remove_ros_arguments(argc, argv);
  std::string command;
  for (std::size_t i = 1; i < words.size(); ++i) {
    command += (i > 1 ? " " : "") + words[i];
  }
  auto node = rclcpp::Node::make_shared("asking");
  auto client = rclcpp_action::create_client<SegmentReferring>(node, "/ppcr/segment");
  if (!client->wait_for_action_server(10s)) {
    std::fprintf(stderr, "there is no action /ppcr/segment; start the node ppcr.\n");
    return 2;
  }

  SegmentReferring::Goal goal;
  goal.command = command;
  goal.timeout_sec = 60.0f;
  rclcpp_action::Client<SegmentReferring>::SendGoalOptions options;
  options.feedback_callback = [](auto, const auto & feedback) {
      if (feedback->stage == "semantic") {
        std::printf("looking for: %s\n", feedback->semantic_prompt.text.c_str());
      }
    };
  auto sent = client->async_send_goal(goal, options);
  if (!wait_for(node, sent, *client)) {
    std::fprintf(stderr, "the node has gone.\n");
    return 2;
  }
  const auto handle = sent.get();
  if (!handle) {
    std::fprintf(stderr, "refused: the node is not active.\n");
    return 2;
  }
  auto ended = client->async_get_result(handle);
  if (!wait_for(node, ended, *client)) {
    std::fprintf(stderr, "the node has gone.\n");
    return 2;
  }
  const auto answer = ended.get();
  // A goal that the node does not know has an empty result, whose status is UNKNOWN.
  if (answer.code == rclcpp_action::ResultCode::UNKNOWN || !answer.result) {
    std::fprintf(stderr, "the node does not know the goal any more; ask again.\n");
    return 2;
  }
  const Result & result = answer.result->result;
  if (result.status != Result::OK) {
    std::printf("no target: %s\n", result.message.c_str());
    return 1;
  }
  std::printf(
    "found at x %u, y %u: %u x %u px\n", result.box.x_offset, result.box.y_offset,
    result.box.width, result.box.height);
  if (result.grasp.graspable) {
    const auto & at = result.grasp.centroid;
    std::printf("grasp at %.3f, %.3f, %.3f m in %s\n", at.x, at.y, at.z,
      result.grasp.pose.header.frame_id.c_str());
  } else {
    std::printf("not to be grasped: %s\n", result.grasp.reason.c_str());
  }
  rclcpp::shutdown();
  return 0;
}
