"""The page: shows what the node sees and understands, and takes what is said. Imports no ROS.

What is shown (`page`) knows nothing of where it comes from: a `source.Source` fills a
`board.PageBoard` and takes commands. One source is a client of the node's topics and action
(`ppcr_ros.ros.page_client`), the other runs the pipeline itself (`embedded_source`).
"""
